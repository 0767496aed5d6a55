import { hostOf } from '../../../guard/hosting.js'
import { defineCommand, secretOption } from '../../command.js'
import { type ConfigOptions, configOptions, loadConfiguration, openGuard } from '../../configuration.js'
import { exitCodeOf } from '../../exit-codes.js'
import { type InputOptions, tokenOf } from '../../tokens/output.js'

/** As a token is refused that has expired, which the guard finds out without its ledger. */
const EXIT_REFUSED = exitCodeOf('TOKEN_REVOKED')

interface Options extends ConfigOptions, InputOptions {
  readonly verify?: true
}

export const command = defineCommand<Options>({
  examples: ['solveguard token inspect --token @token', 'solveguard token inspect --verify < token'],
  define: (command) =>
    configOptions(command)
      .addOption(secretOption('--token', 'the token'))
      .option('--verify', "by the guard's signing key and ledger; also for handles"),
  async run(context, options) {
    const { inspectionText, tokenFacts } = await import('../../tokens/inspect.js')
    const token = await tokenOf(context, options)
    if (!options.verify) {
      const facts = tokenFacts(token, context.clock.now())
      context.result(facts, () => inspectionText(facts))
      context.note('Read offline: --verify asks the guard whether it is good.')
      return 0
    }
    const guard = await openGuard(context, await loadConfiguration(context, options))
    const grant = await hostOf(guard).verify(token, 'describe')
    const { links, day, paused } = await grant.status()
    const { verificationText } = await import('../../tokens/verification.js')
    const facts = { guard: guard.name, links, day, paused: paused ?? null }
    context.result(facts, () => verificationText(facts))
    return links?.some(({ revoked }) => revoked) ? EXIT_REFUSED : 0
  },
})
