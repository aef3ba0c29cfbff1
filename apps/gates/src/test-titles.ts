/**
 * What the tests of a package say that they show.
 *
 * @module
 */
import ts from 'typescript'
import { find, readText } from './repository.ts'

/** The titles of all tests of a package, of the groups of tests, and of the rows of tables that cite an id. */
export function readTestTitles(folder: string): string[] {
  return find(`${folder}/test/**/*.ts`).flatMap((file) => listTitles(readText(file)))
}

/** The requirements that a title cites, as in `reads several fields (CH-02, RFC 9110 §5.3)`. */
export function citedIds(title: string): string[] {
  return title.match(/\b[A-Z]{2}-\d{2}\b/g) ?? []
}

/**
 * The first argument of `it`, `test` and `describe`, with whatever is between: `it.each([...])('…')`.
 *
 * The text of a table's row becomes a part of a title when the tests run (`reads $claim`): any other text
 * that cites an id counts, too.
 */
export function listTitles(text: string): string[] {
  const titles: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) && (isTitle(node) || citedIds(node.text).length > 0))
      titles.push(node.text)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile('test.ts', text, ts.ScriptTarget.Latest, true))
  return titles
}

function isTitle(node: ts.Node): boolean {
  const call = node.parent
  if (!ts.isCallExpression(call) || call.arguments[0] !== node) return false
  let callee: ts.Expression = call.expression
  while (ts.isCallExpression(callee) || ts.isPropertyAccessExpression(callee)) callee = callee.expression
  return ts.isIdentifier(callee) && /^(?:it|test|describe)$/.test(callee.text)
}
