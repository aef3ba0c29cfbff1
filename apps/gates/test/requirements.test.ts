import { describe, expect, it } from 'vitest'
import { exists, packages, readText } from '../src/repository.ts'
import { columns, listDisagreements } from '../src/requirements.ts'
import { citedIds, listTitles, readTestTitles } from '../src/test-titles.ts'

// Ids that no specification has, or this file would be read as citing them.
const titles = [
  'reads one field (ZZ-01, RFC 9110 §5.3)',
  'reads several fields (ZZ-01, ZZ-02)',
  'reads `a` | `b` (ZZ-03)',
  'adds up',
]

function page(...rows: string[]): string {
  return [`# Requirements`, '', `| ${columns} |`, '| --- | --- | --- | --- |', ...rows, '', 'The end.'].join(
    '\n',
  )
}

const good = [
  '| ZZ-01 | RFC 9110 §5.3 | Read it | `reads one field (ZZ-01, RFC 9110 §5.3)`, `reads several fields (ZZ-01, ZZ-02)` |',
  '| ZZ-02 | RFC 9110 §5.3 | Read them | `reads several fields (ZZ-01, ZZ-02)` |',
  '| ZZ-03 | RFC 9110 §5.3 | Read either | `` reads `a` \\| `b` (ZZ-03) `` |',
  '| ZZ-04 | RFC 9110 §5.4 | Write it | not met, because nobody has asked for it |',
]

const [first = '', ...others] = good
const withFirst = (row: string) => page(row, ...others)

describe('listDisagreements', () => {
  it('finds none in a good page, in one table or in several', () => {
    expect(listDisagreements(page(...good), titles)).toEqual([])
    expect(listDisagreements(page(first) + page(...others), titles)).toEqual([])
  })

  it.each([
    ['a test that is not there', withFirst(first.replace('one field', 'no field')), 'is not there'],
    [
      'a test that cites another id',
      withFirst(first.replace('reads one field (ZZ-01, RFC 9110 §5.3)', 'adds up')),
      'is not cited',
    ],
    ['an id that tests cite and the page lacks', page(...others), 'ZZ-01 is cited'],
    ['an id that comes twice', page(first, ...good), 'already'],
    ['an id of another form', withFirst(first.replace('| ZZ-01', '| ZZ-1')), 'no id like'],
    ['no proof', withFirst('| ZZ-01 | RFC 9110 | Read it |  |'), 'names no test'],
    ['words in place of a proof', withFirst('| ZZ-01 | RFC 9110 | Read it | by hand |'), 'names no test'],
    ['words beside a proof', withFirst(first.replace(/ \|$/, ' partly |')), 'more than tests'],
    [
      'an excuse without a reason',
      withFirst('| ZZ-01 | RFC 9110 | Read it | not met, because |'),
      'names no test',
    ],
    ['an empty cell', withFirst(first.replace('Read it', '')), 'empty cell'],
    ['a cell too many', withFirst(`${first} more |`), '5 cells'],
    ['other columns', page(...good).replace('| What', '| Which'), 'the columns are not'],
    ['no table', '# Requirements', 'no requirement'],
  ])('finds %s', (_, faulty, fault) => {
    expect(listDisagreements(faulty, titles)).toContainEqual(expect.stringContaining(fault))
  })
})

it('reads titles of tests, of groups and of rows, and no other text', () => {
  const text = `
    describe('the group', () => {
      it('one (ZZ-01)', () => expect(read('none')).toBe('none'))
      it.each(['a', 'row (ZZ-02)'])('each %s', () => {})
      it.skipIf(false)(\`maybe\`, () => {})
      test.each\`a\`
    })`

  expect(listTitles(text)).toEqual(['the group', 'one (ZZ-01)', 'row (ZZ-02)', 'each %s', 'maybe'])
})

it.each([
  ['reads it (CH-02, PR-03, RFC 9110 §5.3)', ['CH-02', 'PR-03']],
  ['signs with ES256 and SHA-256 (RFC 7518 §3)', []],
])('%s cites %j', (title, ids) => {
  expect(citedIds(title)).toEqual(ids)
})

it.each(packages)('%s/REQUIREMENTS.md and the tests beside it name each other', (folder) => {
  const path = `${folder}/REQUIREMENTS.md`

  const disagreements = exists(path)
    ? listDisagreements(readText(path), readTestTitles(folder))
    : ['it is missing']

  expect(disagreements).toEqual([])
})
