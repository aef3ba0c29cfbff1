import ts from 'typescript'

/** Every module that a source file names: by `import`, `export … from` and `import()`, types included. */
export function listImports(text: string): string[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName)
}

/** `@x/oauth-discovery/http` is of `@x/oauth-discovery`; undefined for a file (`#…` is one that the manifest chooses) and a module of Node. */
export function packageOf(specifier: string): string | undefined {
  if (/^(?:[.#]|node:)/.test(specifier)) return undefined
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}
