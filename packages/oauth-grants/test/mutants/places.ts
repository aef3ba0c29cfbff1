/**
 * Where a source can be broken, in one place at a time.
 *
 * @module
 */
import ts from 'typescript'

/** One small change of a source. */
export interface Mutant {
  /** Where it is, without the space before it. */
  readonly line: string
  /** What is there, and what is there in its place. */
  readonly change: readonly [from: string, to: string]
}

/** All of a source, in the order in which `withSwitches` numbers them. */
export function listMutants(source: string): readonly Mutant[] {
  const lines = source.split('\n')
  const file = parse(source)
  return [...breaksOf(file)].flatMap(([node, texts]) => {
    const { line } = file.getLineAndCharacterOfPosition(node.getStart())
    return texts.map((text) => ({
      line: (lines[line] ?? '').trim(),
      change: [inOneLine(node.getText()), inOneLine(text)],
    }))
  })
}

function inOneLine(code: string): string {
  return code.replace(/\s*\n\s*/g, ' ')
}

/**
 * A source that holds all its mutants: `isOn(n)` decides, where it is run, whether the one of that number is there.
 *
 * @param first the number of its first one
 */
export function withSwitches(source: string, first: number): string {
  const file = parse(source)
  const breaks = breaksOf(file)
  const numbers = new Map<ts.Node, number>()
  let next = first
  for (const [node, texts] of breaks) {
    numbers.set(node, next)
    next += texts.length
  }
  const write = (node: ts.Node): string => {
    let [text, at] = ['', node.getStart()]
    ts.forEachChild(node, (child) => {
      text += source.slice(at, child.getStart()) + write(child)
      at = child.end
    })
    text += source.slice(at, node.end)
    const number = numbers.get(node)
    if (number === undefined) return text
    const texts = breaks.get(node) ?? []
    if (ts.isStatement(node)) return `{ if (!isOn(${number})) ${text}; }`
    return texts.reduceRight(
      (rest, each, index) => `(isOn(${number + index}) ? (${each}) : ${rest})`,
      `(${text})`,
    )
  }
  return `${source.slice(0, file.getStart())}${write(file)}\n`
}

function parse(source: string): ts.SourceFile {
  return ts.createSourceFile('source.ts', source, ts.ScriptTarget.Latest, true)
}

function breaksOf(file: ts.SourceFile): ReadonlyMap<ts.Node, readonly string[]> {
  const found = new Map<ts.Node, readonly string[]>()
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return
    if (ts.isImportDeclaration(node) || ts.isTypeParameterDeclaration(node)) return
    const own = node.getText()
    const texts = isInChain(node) ? [] : [...new Set(breaksAt(node))].filter((text) => text !== own)
    if (texts.length > 0) found.set(node, texts)
    ts.forEachChild(node, (child) => {
      const { name } = node as { readonly name?: ts.Node } // of a declaration or a member
      if (child !== name || ts.isObjectBindingPattern(child) || ts.isArrayBindingPattern(child)) visit(child)
    })
  }
  ts.forEachChild(file, visit)
  return found
}

/** What goes on after `?.` belongs to one chain, and cannot be taken apart. */
function isInChain(node: ts.Node): boolean {
  return ts.isOptionalChain(node) && ts.isOptionalChain(node.parent) && node.parent.expression === node
}

function breaksAt(node: ts.Node): readonly string[] {
  if (ts.isExpressionStatement(node) || ts.isThrowStatement(node)) return ['']
  if (isCondition(node)) return breaksOfCondition(node)
  return [...(isResult(node) ? ['undefined'] : []), ...breaksOfExpression(node)]
}

/** Always and never; and what neither of them stands for. */
function breaksOfCondition(node: ts.Node): readonly string[] {
  if (ts.isPrefixUnaryExpression(node)) return ['true', 'false']
  const operator = ts.isBinaryExpression(node) ? node.operatorToken.getText() : ''
  const texts = breaksOfExpression(node)
  if (operator === '&&') return ['false', ...texts]
  if (operator === '||') return ['true', ...texts]
  return ['true', 'false', ...(others.has(operator) ? texts.slice(0, -1) : texts)]
}

function isCondition(node: ts.Node): boolean {
  const { parent } = node
  if (ts.isIfStatement(parent) || ts.isWhileStatement(parent)) return parent.expression === node
  return (ts.isConditionalExpression(parent) || ts.isForStatement(parent)) && parent.condition === node
}

function isResult(node: ts.Node): boolean {
  const { parent } = node
  if (node.getText() === 'undefined') return false
  return (ts.isReturnStatement(parent) || ts.isArrowFunction(parent)) && isExpressionOf(parent, node)
}

function isExpressionOf(parent: ts.ReturnStatement | ts.ArrowFunction, node: ts.Node): boolean {
  return ts.isReturnStatement(parent) ? parent.expression === node : parent.body === node && !ts.isBlock(node)
}

const others: ReadonlyMap<string, readonly string[]> = new Map([
  ['===', ['!==']],
  ['!==', ['===']],
  ['<', ['<=', '>=']],
  ['<=', ['<', '>']],
  ['>', ['>=', '<=']],
  ['>=', ['>', '<']],
  ['+', ['-']],
  ['-', ['+']],
  ['*', ['/']],
  ['/', ['*']],
  ['**', ['*']],
  ['??=', ['=']],
])

/** Without these a value goes on as it is. */
const passing = ['catch', 'finally', 'filter', 'slice', 'toSorted']

function breaksOfExpression(node: ts.Node): readonly string[] {
  const own = node.getText()
  if (ts.isBinaryExpression(node)) {
    const [left, operator, right] = [node.left, node.operatorToken, node.right].map((each) => each.getText())
    const sides = /^(?:&&|\|\||\?\?)$/.test(operator ?? '') ? [`${left}`, `${right}`] : []
    return [...sides, ...(others.get(operator ?? '') ?? []).map((other) => `${left} ${other} ${right}`)]
  }
  if (ts.isPrefixUnaryExpression(node) && '!-'.includes(own.charAt(0))) return [node.operand.getText()]
  if (node.kind === ts.SyntaxKind.TrueKeyword) return ['false']
  if (node.kind === ts.SyntaxKind.FalseKeyword) return ['true']
  if (ts.isNumericLiteral(node)) return numbersBeside(Number(node.text))
  if (ts.isRegularExpressionLiteral(node)) return looser(own)
  if (ts.isStringLiteral(node) || ts.isTemplateLiteral(node)) return own.split(' ').length > 3 ? [] : [`''`]
  if (ts.isObjectLiteralExpression(node)) return without(node.properties).map((each) => `{ ${each} }`)
  if (ts.isOptionalChain(node)) return withoutQuestion(node)
  return ts.isCallExpression(node) ? breaksOfCall(node) : []
}

function breaksOfCall({ expression, arguments: given }: ts.CallExpression): readonly string[] {
  const callee = expression.getText()
  const texts = given.map((each) => each.getText())
  const edge = { 'Math.max': 'Math.min', 'Math.min': 'Math.max' }[callee]
  if (edge !== undefined) return [`${edge}(${texts.join(', ')})`]
  const through = ts.isPropertyAccessExpression(expression) && passing.includes(expression.name.text)
  const receiver = through ? [expression.expression.getText()] : []
  return texts.length > 1 ? [...receiver, `${callee}(${texts.slice(0, -1).join(', ')})`] : receiver
}

function numbersBeside(value: number): readonly string[] {
  if (value < 100) return value === 0 ? ['1'] : [String(value + 1), String(value - 1)]
  return [String(value * 2), String(value / 2)]
}

function looser(own: string): readonly string[] {
  const texts = [own.replace('/^', '/'), own.replace(/\$\/(\w*)$/, '/$1'), own.replace(/i$/, '')]
  return texts.filter((text) => text !== own)
}

function without(parts: ts.NodeArray<ts.Node>): readonly string[] {
  const texts = parts.map((each) => each.getText())
  return texts.map((_, index) => texts.toSpliced(index, 1).join(', '))
}

/** Its first `?.`, as if there were always something. */
function withoutQuestion(chain: ts.OptionalChain): readonly string[] {
  const own = chain.getText()
  let link: ts.Expression = chain
  while (ts.isOptionalChain(link) && !ts.isNonNullChain(link)) {
    const { questionDotToken, expression } = link
    if (questionDotToken !== undefined) {
      const at = questionDotToken.getStart() - chain.getStart()
      return [`${own.slice(0, at)}${ts.isPropertyAccessExpression(link) ? '.' : ''}${own.slice(at + 2)}`]
    }
    link = expression
  }
  return []
}
