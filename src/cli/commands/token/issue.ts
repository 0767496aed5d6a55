import type { Duration } from '../../../policy/duration.js'
import type { ServiceName } from '../../../wires/services.js'
import { defineCommand } from '../../command.js'
import { type ConfigOptions, configOptions, loadConfiguration, openGuard } from '../../configuration.js'
import {
  checkOutput,
  type OutputOptions,
  outputOptions,
  type PolicyFlags,
  passOn,
  policyOptions,
  wireOption,
} from '../../tokens/output.js'
import { policyOf } from '../../tokens/policy.js'

interface Options extends ConfigOptions, OutputOptions, PolicyFlags {
  readonly ttl: Duration
  readonly subject?: string
  readonly wire?: ServiceName
  readonly handle?: true
}

export const command = defineCommand<Options>({
  examples: [
    'solveguard token issue --origin https://staging.example.com --per-day 0.5 --ttl 8h --subject ci-4711 --out token',
    'solveguard token issue --policy contractor.json --ttl 5d --handle --json | jq -r .handle',
  ],
  define: (command) =>
    outputOptions(policyOptions(configOptions(command)))
      .option('--ttl <duration>', 'how long it is valid: 1s to 30d', '15m')
      .option('--subject <name>', 'whom it is for: on the record of what it spends')
      .addOption(wireOption())
      .option('--handle', '32 characters in its place, for clients that take no longer key'),
  async run(context, options) {
    checkOutput(context, options)
    const policy = policyOf(options)
    const guard = await openGuard(context, await loadConfiguration(context, options))
    const { ttl, subject, wire, handle = false } = options
    const issued = await guard.issueToken(policy, { ttl, subject, wire, handle })
    const { id, expiresAt } = issued
    passOn(context, options, issued.handle ?? issued.token, {
      token: issued.token,
      handle: issued.handle ?? null,
      id,
      subject: subject ?? null,
      expiresAt,
    })
    const until = expiresAt.toISOString()
    context.note(`Issued ${id}, valid until ${until}. It ends earlier with: solveguard token revoke ${id}`)
    return 0
  },
})
