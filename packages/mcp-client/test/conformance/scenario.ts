/**
 * One scenario of the conformance suite, run and judged.
 *
 * @module
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { conformance } from './command-line.ts'

export interface RunOptions {
  /** Program and arguments of the client; the server's URL is added as the last one. */
  command: readonly string[]
  /** Wire version. Default: the scenario's own. */
  specVersion?: string | undefined
  /** Hides from the client which scenario it is in. */
  garbleNames?: boolean | undefined
  /** Time for one client, in ms. Default: 30 seconds. */
  timeLimitMs?: number | undefined
}

export interface ScenarioResult {
  scenario: string
  passed: boolean
  /** Why it did not pass, the most telling first. */
  complaints: readonly string[]
  /** What the client printed. */
  output: string
}

/** Runs one scenario by its full name. Rejects only if the suite's files cannot be read. */
export async function runScenario(scenario: string, options: RunOptions): Promise<ScenarioResult> {
  const { specVersion, timeLimitMs = 30_000 } = options
  const folder = await mkdtemp(join(tmpdir(), 'mcp-conformance-'))
  const command = launchCommand(join(folder, 'ending'), { ...options, timeLimitMs })
  const args = ['client', '--scenario', scenario, '--output-dir', folder, '--command', command]
  // The launcher keeps the time limit. This one and the next are for a launcher that hangs.
  args.push('--timeout', `${timeLimitMs + 5_000}`)
  // At a version asked for, the suite skips extensions, and calls that a success.
  if (specVersion !== undefined) args.push('--spec-version', specVersion, '--force')

  try {
    const { exitCode, stderr } = await conformance(args, { timeLimitMs: timeLimitMs + 10_000 })
    const { checks, output, ending = `was not started: ${stderr}` } = await readFiles(folder)
    return { scenario, output, ...judge({ exitCode, checks, ending }) }
  } finally {
    await rm(folder, { recursive: true })
  }
}

interface LaunchOptions extends RunOptions {
  timeLimitMs: number
}

function launchCommand(endingFile: string, { command, garbleNames, timeLimitMs }: LaunchOptions): string {
  const launcher = fileURLToPath(import.meta.resolve('./launch.ts'))
  const words = [process.execPath, launcher, '--ending', endingFile, '--time-limit', `${timeLimitMs}`]
  if (garbleNames) words.push('--garble-names')
  return [...words, '--', ...command].map(quote).join(' ')
}

/** The suite hands the command to a shell. */
function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}

export const nothingChecked = 'nothing was checked'

interface Check {
  id: string
  status: string
  description: string
  errorMessage?: string
}

interface Files {
  checks: readonly Check[]
  /** How the client ended, in the launcher's words. */
  ending: string | undefined
  output: string
}

/** The suite's files are in a folder of their own, named after scenario and time. */
async function readFiles(folder: string): Promise<Files> {
  const paths = await readdir(folder, { recursive: true })
  const read = async (name: string) => {
    const path = paths.find((candidate) => basename(candidate) === name)
    return path === undefined ? undefined : readFile(join(folder, path), 'utf8')
  }

  // The suite is pinned, and this is the form of its file.
  const checks: Check[] = JSON.parse((await read('checks.json')) ?? '[]')
  const outputs = [await read('stdout.txt'), await read('stderr.txt')]
  return { checks, ending: await read('ending'), output: outputs.join('') }
}

interface Evidence {
  exitCode: number | null
  checks: readonly Check[]
  ending: string
}

/**
 * The suite's exit code knows which scenarios forgive a client that fails, but neither
 * time-outs nor signals, which the launcher has seen, nor that it has checked nothing.
 */
function judge({ exitCode, checks, ending }: Evidence): Pick<ScenarioResult, 'passed' | 'complaints'> {
  const exited = ending.startsWith('exited')
  const hasShown = checks.some(({ status }) => status === 'SUCCESS')
  if (exitCode === 0 && hasShown && exited) return { passed: true, complaints: [] }

  const failed = checks
    .filter(({ status }) => status === 'FAILURE' || status === 'WARNING')
    .map(({ id, errorMessage, description }) => `${id}: ${errorMessage ?? description}`)
  if (!hasShown) failed.unshift(nothingChecked)
  const complaints = exited ? [...failed, `client ${ending}`] : [`client ${ending}`, ...failed]
  return { passed: false, complaints }
}
