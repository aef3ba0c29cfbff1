import type { TokenStore } from '@x/oauth-grants'

/** A store that another process can open as well. */
export interface StoreAddress {
  /** What `import` takes. */
  readonly module: string
  /** What the module exports it by, such as `fileStore`. */
  readonly name: string
  /** What that is called with. */
  readonly options: object
}

export async function openStore({ module, name, options }: StoreAddress): Promise<TokenStore> {
  const found: Record<string, (options: object) => TokenStore | Promise<TokenStore>> = await import(module)
  const open = found[name]
  if (open === undefined) throw new Error(`${module} exports no ${name}`)
  return open(options)
}
