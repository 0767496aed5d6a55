import { docsOf, SolveguardError } from '../../base/errors.js'
import { formatUsd, type Money, toUsd } from '../../policy/money.js'
import { defineCommand } from '../command.js'
import { type ConfigOptions, configOptions, loadConfiguration } from '../configuration.js'
import { table } from '../table.js'

export const command = defineCommand<ConfigOptions>({
  examples: ['solveguard balance', 'solveguard balance --json'],
  define: configOptions,
  async run(context, options) {
    const configuration = await loadConfiguration(context, options)
    const { accountsOf, readBalance, transportTo } = await import('../accounts.js')
    const accounts = accountsOf(configuration)
    const read = async (account: (typeof accounts)[number]) => {
      const amount = await readBalance(context, account, transportTo(context, configuration, account))
      return { solver: account.name, balance: amount, balanceUsd: toUsd(amount) }
    }
    const [only, ...more] = accounts
    if (only && more.length === 0) {
      const found = await read(only)
      context.result(found, `${found.solver}  ${context.colors.bold(formatUsd(found.balance))}`)
      return undefined
    }
    // One that cannot be read does not hide the others.
    const all = await Promise.all(
      accounts.map(async (account) => read(account).catch((error: unknown) => refusal(account.name, error))),
    )
    const text = () =>
      table(
        all.map((each) => [
          each.solver,
          'error' in each ? `${each.error.code}: ${each.error.message}` : formatUsd(each.balance as Money),
        ]),
        context.columns,
      )
    context.result({ solvers: all }, text)
    return all.some((each) => 'error' in each) ? 1 : 0
  },
})

function refusal(solver: string, error: unknown) {
  if (!(error instanceof SolveguardError)) throw error
  const { code, layer = null, message, retryAt } = error
  return { solver, error: { code, layer, message, retryAt: retryAt?.toISOString() ?? null, docs: docsOf(code) } }
}
