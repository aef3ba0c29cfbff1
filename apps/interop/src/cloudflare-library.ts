import { registerHooks } from 'node:module'

export type Library = typeof import('@cloudflare/workers-oauth-provider')

// What an entry point extends that is a class; those here are objects.
const workers = 'data:text/javascript,export class WorkerEntrypoint {}'

/**
 * Loads the library, which imports a module that only Cloudflare has.
 *
 * A static import would be resolved before there is a hook.
 */
export async function loadLibrary(): Promise<Library> {
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'cloudflare:workers' ? { url: workers, shortCircuit: true } : next(specifier, context),
  })
  // Without this flag, which is about the one feature that is off here anyway, it prints a warning when loaded.
  const flags = { compatibilityFlags: { global_fetch_strictly_public: true } }
  Object.assign(globalThis, { Cloudflare: flags })
  try {
    return await import('@cloudflare/workers-oauth-provider')
  } finally {
    hooks.deregister()
    Reflect.deleteProperty(globalThis, 'Cloudflare')
  }
}
