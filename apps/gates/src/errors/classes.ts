/**
 * The classes of errors that a package exports, and their codes, as the compiler sees them.
 *
 * @module
 */
import { join } from 'node:path'
import ts from 'typescript'
import { root } from '../repository.ts'

/** By the name of the class, which stands directly below `OAuthError`. */
export type CodesByClass = ReadonlyMap<string, readonly string[]>

/** @param folders of packages, relative to the root; @returns one map for each, in their order */
export function readCodes(folders: readonly string[]): readonly CodesByClass[] {
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(root, 'tsconfig.base.json'), (path) => ts.sys.readFile(path)).config,
    ts.sys,
    root,
  )
  const entries = folders.map((folder) => join(root, folder, 'src/index.ts'))
  const program = ts.createProgram(entries, options)
  const checker = program.getTypeChecker()
  return entries.map((entry, index) => {
    const source = program.getSourceFile(entry)
    const module = source && checker.getSymbolAtLocation(source)
    const found = (module ? checker.getExportsOfModule(module) : []).flatMap((exported) => {
      const isAlias = (exported.flags & ts.SymbolFlags.Alias) !== 0
      const { declarations = [] } = isAlias ? checker.getAliasedSymbol(exported) : exported
      return declarations
        .filter(ts.isClassDeclaration)
        .filter((each) => isBelowOAuthError(each) && isIn(each, folders[index] ?? ''))
        .map((each): [string, string[]] => [exported.name, codesOf(checker, each)])
    })
    return new Map(found)
  })
}

/** A package also exports the classes of those that it stands on. */
function isIn(declaration: ts.ClassDeclaration, folder: string): boolean {
  return declaration.getSourceFile().fileName.replaceAll('\\', '/').includes(`/${folder}/src/`)
}

function isBelowOAuthError({ heritageClauses }: ts.ClassDeclaration): boolean {
  return (heritageClauses ?? []).some(({ types }) =>
    types.some(({ expression }) => expression.getText() === 'OAuthError'),
  )
}

function codesOf(checker: ts.TypeChecker, declaration: ts.ClassDeclaration): string[] {
  const code = checker.getTypeAtLocation(declaration).getProperty('code')
  const type = code && checker.getTypeOfSymbolAtLocation(code, declaration)
  const members = type?.isUnion() ? type.types : [type]
  return members.flatMap((each) => (each?.isStringLiteral() ? each.value : []))
}
