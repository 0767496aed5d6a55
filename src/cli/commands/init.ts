import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { Option } from 'commander'
import { projectFolder } from '../../base/state-dir.js'
import type { ServiceName } from '../../config/types.js'
import { usd } from '../../policy/money.js'
import { parsePolicy } from '../../policy/schema.js'
import { defineCommand } from '../command.js'
import { CONFIG_FILES } from '../configuration.js'
import type { CommandContext } from '../context.js'
import { usageError } from '../failure.js'
import {
  configText,
  FORMATS,
  type Format,
  type InitAnswers,
  ignoredLines,
  KEY_PLACES,
  KEY_STEPS,
  type KeyPlace,
} from '../init-files.js'
import { askAt } from '../questions.js'
import { wrapped } from '../table.js'

interface InitOptions {
  readonly yes?: true
  readonly force?: true
  readonly origin?: readonly string[]
  readonly solver?: ServiceName
  readonly perDay?: string
  readonly keyIn?: KeyPlace
  readonly format: Format
}

/** What the services call themselves. */
const TITLES: Readonly<Record<ServiceName, string>> = {
  captchaai: 'CaptchaAI',
  twocaptcha: '2Captcha',
  anticaptcha: 'Anti-Captcha',
  capmonster: 'CapMonster Cloud',
  capsolver: 'CapSolver',
}
const SERVICES = Object.entries(TITLES) as [ServiceName, string][]

const DEFAULT_ORIGIN = 'http://localhost:3000'

export const command = defineCommand<InitOptions>({
  examples: [
    'solveguard init',
    'solveguard init --yes --origin https://staging.example.com',
    'solveguard init --origin https://staging.example.com --solver twocaptcha --per-day 5 --key-in vault',
  ],
  define: (command) =>
    command
      .option('-y, --yes', 'asks nothing, and takes the default of what no option answers')
      .option('--origin <origin...>', `the sites that you own or may automate (default: ${DEFAULT_ORIGIN})`)
      .addOption(new Option('--solver <name>', 'the service').choices(SERVICES.map(([name]) => name)))
      .option('--per-day <dollars>', 'what may be spent in 24 hours (default: 1)')
      .addOption(new Option('--key-in <place>', 'where the key is; it is never asked for').choices(KEY_PLACES))
      .addOption(new Option('--format <format>', 'of the file').choices(FORMATS).default('ts'))
      .option('--force', 'replaces a configuration that is there'),
  async run(context, options) {
    const folder = projectFolder(context.cwd)
    const file = join(folder, `solveguard.config.${options.format}`)
    await mayWrite(context, options, folder, file)
    const answers = await answersOf(context, options, folder)
    const text = configText(answers, options.format)
    writeFileSync(file, text, { flag: options.force || existsSync(file) ? 'w' : 'wx' })
    const ignored = ignore(folder, ignoredLines(answers))
    const next = [
      ...(isInstalled(folder) ? [] : ['npm install --save-dev solveguard']),
      KEY_STEPS[answers.key],
      'npx solveguard doctor',
    ]
    context.result({ file, ignored, next }, () => textOf(context, relative(context.cwd, file), ignored, next))
    return undefined
  },
})

/** Nothing is replaced that the user has not said to replace. */
async function mayWrite(
  context: CommandContext,
  { force, yes }: InitOptions,
  folder: string,
  file: string,
): Promise<void> {
  const found = CONFIG_FILES.find((name) => existsSync(join(folder, name)))
  if (found === undefined) return
  // Two files are refused by every command: which of them holds is not for a flag to guess.
  if (found !== basename(file)) throw usageError(`There is ${found} already: remove it first, or name its --format.`)
  if (force) return
  if (yes || !context.interactive) throw usageError(`There is ${found} already: --force replaces it.`)
  const { confirm } = await askAt(context)
  const message = `Replace ${found}?`
  if (!(await confirm({ message, option: '--force' }))) throw usageError(`${found} was left as it is.`)
}

async function answersOf(context: CommandContext, options: InitOptions, folder: string): Promise<InitAnswers> {
  const { yes, origin, solver, perDay, keyIn } = options
  const ask = await askAt(context)
  const problemOfOrigins = (text: string) => problemOf(() => parsePolicy({ origins: listOf(text) }))
  const problemOfAmount = (text: string) => problemOf(() => usd(text.replace(/^\$/, '')))
  const origins =
    origin?.join(' ') ??
    (yes
      ? DEFAULT_ORIGIN
      : await ask.text({
          message: 'Which sites do you own, or may you automate?',
          option: '--origin',
          initial: DEFAULT_ORIGIN,
          check: problemOfOrigins,
        }))
  const service: ServiceName =
    solver ??
    (yes
      ? 'captchaai'
      : await ask.choice<ServiceName>({
          message: 'Which service solves?',
          option: '--solver',
          initial: 'captchaai',
          choices: SERVICES,
        }))
  const amount =
    perDay ??
    (yes
      ? '1'
      : await ask.text({
          message: 'How many dollars may be spent in 24 hours, by all processes together?',
          option: '--per-day',
          initial: '1',
          check: problemOfAmount,
        }))
  const key =
    keyIn ??
    (yes
      ? 'env'
      : await ask.choice<KeyPlace>({
          message: 'Where is the key? It is not asked for, and is never in the file.',
          option: '--key-in',
          initial: 'env',
          choices: [
            ['env', 'in a variable (SOLVEGUARD_KEY)'],
            ['file', 'in a file that only you can read'],
            ['exec', 'in a password manager, printed by a command'],
            ['vault', 'in HashiCorp Vault'],
          ],
        }))
  for (const [name, problem] of [
    ['--origin', problemOfOrigins(origins)],
    ['--per-day', problemOfAmount(amount)],
  ] as const) {
    if (problem !== undefined) throw usageError(`${name}: ${problem}`)
  }
  const name =
    basename(folder)
      .replace(/[^\w.-]/g, '-')
      .slice(0, 64) || 'default'
  const dollars = Number(amount.replace(/^\$/, ''))
  return { name, origins: listOf(origins), solver: service, perDay: `$${dollars}`, key }
}

function listOf(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean)
}

function problemOf(read: () => unknown): string | undefined {
  try {
    read()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Adds lines to `.gitignore` that it does not have. */
function ignore(folder: string, lines: readonly string[]): string[] {
  const path = join(folder, '.gitignore')
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const present = new Set(text.split(/\r?\n/).map((line) => line.trim().replace(/^\/|\/$/g, '')))
  const missing = lines.filter((line) => !present.has(line.replace(/\/$/, '')))
  if (missing.length > 0)
    appendFileSync(path, `${text === '' || text.endsWith('\n') ? '' : '\n'}${missing.join('\n')}\n`)
  return missing
}

function isInstalled(folder: string): boolean {
  return existsSync(join(folder, 'node_modules/solveguard/package.json'))
}

function textOf(
  { colors, columns }: CommandContext,
  file: string,
  ignored: readonly string[],
  next: readonly string[],
): string {
  const { bold, dim, green } = colors
  const git = ignored.length === 0 ? [] : [`${green('✓')} .gitignore ${dim(`has ${ignored.join(' and ')}`)}`]
  const steps = next.flatMap((step, at) => {
    const [first = '', ...more] = wrapped(step, Math.max(20, columns - 5))
    return [`  ${at + 1}. ${first}`, ...more.map((line) => `     ${line}`)]
  })
  return [`${green('✓')} ${bold(file)}`, ...git, '', bold('Next'), ...steps].join('\n')
}
