import { InvalidArgumentError, Option } from 'commander'
import { type ChallengeInput, VARIANTS } from '../../base/challenge.js'
import { formatMs } from '../../policy/duration.js'
import { formatUsd } from '../../policy/money.js'
import { defineCommand } from '../command.js'
import { type ConfigOptions, configOptions, loadConfiguration, openGuard } from '../configuration.js'
import type { CommandContext } from '../context.js'
import { exitCodeOf } from '../exit-codes.js'
import { failureOf, usageError } from '../failure.js'
import { solutionJson } from '../solve/result.js'

interface SolveCommandOptions extends ConfigOptions {
  readonly family?: string
  readonly variant?: string
  readonly sitekey?: string
  readonly pageUrl?: string
  readonly frameUrl?: string
  readonly action?: string
  readonly minScore?: number
  readonly challenge?: string
  readonly url?: string
  readonly stdin?: true
  readonly batch?: string
  readonly concurrency?: number
  readonly show?: true
}

export const command = defineCommand<SolveCommandOptions>({
  examples: [
    'solveguard solve --family turnstile --sitekey 0x4AAAAAAA --page-url https://staging.example.com/login',
    'solveguard solve --url https://staging.example.com/login',
    'solveguard solve --stdin < challenges.jsonl > results.jsonl',
  ],
  // What is under way is settled before it ends.
  endsItself: true,
  define: (command) =>
    configOptions(command)
      .addOption(new Option('--family <family>', 'the family of the widget').choices(Object.keys(VARIANTS)))
      .option('--variant <variant>', 'its variant, where the family has several: v2-invisible')
      .option('--sitekey <sitekey>', 'the public key of the widget')
      .option('--page-url <url>', 'the page that it is in')
      .option('--frame-url <url>', 'the frame that it is in, if that is another one')
      .option('--action <action>', 'the action that the page names')
      .option('--min-score <score>', 'the lowest score that the site accepts: 0.3, 0.7 or 0.9', Number)
      .option('--challenge <challenge>', "GeeTest v3's one-time value")
      .option('--url <url>', 'opens this page in a browser and solves what is due in it')
      .option('--stdin', 'solves what is on standard input: a challenge as a JSON object a line')
      .option('--batch <name>', 'with --stdin: a name by which it is resumed, and no item is bought twice')
      .option('--concurrency <number>', 'with --stdin: how many are solved at a time', count)
      .option('--show', 'prints tokens at a terminal too'),
  async run(context, options) {
    const { url, stdin, batch, concurrency, show } = options
    const ways = [url !== undefined, stdin === true, options.sitekey !== undefined || options.pageUrl !== undefined]
    if (ways.filter(Boolean).length !== 1) {
      throw usageError('Give one of --url, --stdin, or --family with --sitekey and --page-url.')
    }
    const shown = show === true || context.stdout.isTTY !== true
    // Before a browser starts, which would inherit the environment.
    const guard = await openGuard(context, await loadConfiguration(context, options))
    guard.on('retrying', ({ code, message, inMs }) => context.note(`${code}: ${message} Again in ${formatMs(inMs)}.`))
    guard.on('alert', ({ code, message }) => context.note(`${code}: ${message}`))
    if (stdin) {
      const { solveLines } = await import('../solve/batch.js')
      return solveLines(context, guard, shown, { ...(batch && { batch }), ...(concurrency && { concurrency }) })
    }
    if (url !== undefined) return solveUrl(context, guard, url, shown)
    const solution = await guard.solve(challengeOf(options), { signal: context.signal })
    context.note(`Solved for ${formatUsd(solution.cost)}, good until ${solution.expiresAt.toISOString()}.`)
    const text = shown ? solution.token : '(The token is not shown at a terminal: pipe it on, or give --show.)'
    context.result(solutionJson(solution, shown), text)
    return 0
  },
})

/** The guard checks each field, and names the one that is wrong. */
function challengeOf(options: SolveCommandOptions): ChallengeInput {
  const { family, variant, sitekey, pageUrl, frameUrl, action, minScore, challenge } = options
  if (family === undefined) throw usageError('--family is missing: it says which kind of widget it is.')
  const given = { family, variant, sitekey, pageUrl, frameUrl, action, minScore, challenge }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as ChallengeInput
}

async function solveUrl(
  context: CommandContext,
  guard: Awaited<ReturnType<typeof openGuard>>,
  url: string,
  shown: boolean,
): Promise<number> {
  const { solvePage } = await import('../solve/page.js')
  const { solved, denied, failed, skipped, cost } = await solvePage(context, guard, url)
  const errors = [...denied, ...failed]
  const nameOf = (challenge: { readonly family: string; readonly variant: string } | undefined) =>
    challenge ? `${challenge.family} ${challenge.variant}` : 'the page'
  const value = {
    url,
    solved: solved.map(({ challenge: { family, variant, sitekey }, solution, told }) => ({
      ...{ family, variant, sitekey, told },
      ...solutionJson(solution, shown),
    })),
    failed: errors.map(({ challenge, error }) => ({ family: challenge?.family ?? null, error: failureOf(error) })),
    skipped: skipped.length,
    cost,
  }
  const text = () =>
    [
      ...solved.map(({ challenge, solution }) => `✓ ${nameOf(challenge)}  ${formatUsd(solution.cost)}`),
      ...errors.map(({ challenge, error }) => `✗ ${nameOf(challenge)}  ${error.code}: ${error.message}`),
      ...(solved.length + errors.length === 0 ? [`Nothing on this page is due (${skipped.length} skipped).`] : []),
    ].join('\n')
  context.result(value, text)
  const [first] = errors
  return first ? (exitCodeOf(first.error.code) ?? 1) : 0
}

function count(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It takes a whole number from 1.')
}
