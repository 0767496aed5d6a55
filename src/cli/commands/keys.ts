import { messageOf } from '../../base/errors.js'
import type { KnownKey } from '../../guard/types.js'
import { formatTime } from '../../policy/format-time.js'
import { defineCommand } from '../command.js'
import { type ConfigOptions, configOptions, loadConfiguration, openOperatorGuard } from '../configuration.js'
import { wrapped } from '../table.js'

/** A key of an account, and whether it is the one in the store. */
interface ShownKey extends KnownKey {
  readonly current: boolean
  readonly createdAt?: Date | undefined
}

export const command = defineCommand<ConfigOptions>({
  examples: ['solveguard keys', 'solveguard keys --json'],
  define: configOptions,
  async run(context, options) {
    const configuration = await loadConfiguration(context, options)
    const { accountsOf } = await import('../accounts.js')
    const guard = await openOperatorGuard(context, configuration)
    const { solvers } = await guard.status()
    const accounts = await Promise.all(
      accountsOf(configuration).map(async ({ name, secret }) => {
        const known = solvers.find((each) => each.name === name)?.key.known ?? []
        const place = `${secret.kind} ${secret.place}`
        try {
          const { current } = await secret.fetch(context.signal)
          return { solver: name, place, problem: null, keys: shown(known, current) }
        } catch (error) {
          return { solver: name, place, problem: messageOf(error), keys: shown(known, undefined) }
        }
      }),
    )
    const { bold, dim, green, yellow } = context.colors
    const width = Math.max(40, context.columns - 2)
    context.result({ accounts }, () =>
      accounts
        .map(({ solver, place, problem, keys }) => {
          const list = keys.flatMap(({ version, fingerprint, current, lastUsedAt, revocable, reason, createdAt }) => {
            const facts = [
              ...(version === fingerprint ? [] : [`version ${version}`]),
              ...(current ? ['in the store'] : []),
              ...(createdAt === undefined ? [] : [`created ${formatTime(createdAt.getTime())}`]),
              lastUsedAt === undefined ? 'never used' : `used ${formatTime(lastUsedAt.getTime())}`,
            ].join(', ')
            const verdict = `${revocable ? green('may be revoked') : yellow('keep')}: ${reason}`
            return [
              ...wrapped(`${bold(fingerprint)}  ${facts}`, width).map((line) => `  ${line}`),
              ...wrapped(verdict, width - 2).map((line) => `    ${line}`),
            ]
          })
          const head = `${bold(solver)}  ${dim(place)}`
          const note = problem === null ? [] : [`  ${yellow(problem)}`]
          return [head, ...note, ...(list.length === 0 ? ['  no key was ever used'] : list)].join('\n')
        })
        .join('\n\n'),
    )
    return undefined
  },
})

function shown(
  known: readonly KnownKey[],
  current:
    | {
        readonly value: { readonly fingerprint: string }
        readonly version: string
        readonly createdAt?: number | undefined
      }
    | undefined,
): ShownKey[] {
  const fingerprint = current?.value.fingerprint
  const createdAt = current?.createdAt === undefined ? undefined : new Date(current.createdAt)
  const own = known.map((key) =>
    key.fingerprint === fingerprint
      ? { ...key, current: true, createdAt, revocable: false, reason: NEXT }
      : { ...key, current: false },
  )
  if (current === undefined || fingerprint === undefined || own.some((key) => key.current)) return own
  const fresh = { version: current.version, fingerprint, heldBy: 0, underWay: 0, revocable: false }
  // The ledger knows only of keys that were used: without a process, the last one counts as the one in use.
  const [last, ...older] = own
  const before = last && last.heldBy === 0 && !last.revocable ? [{ ...last, reason: UNTRIED }, ...older] : own
  return [{ ...fresh, current: true, createdAt, reason: NEXT }, ...before]
}

const NEXT = 'it is the key that the next solve uses'
const UNTRIED = 'it is the last one that was used; no solve has shown yet that the one in the store works'
