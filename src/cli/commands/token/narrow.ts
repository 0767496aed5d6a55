import type { Duration } from '../../../policy/duration.js'
import { describeToken } from '../../../tokens/describe.js'
import { narrowToken } from '../../../tokens/narrow.js'
import type { ServiceName } from '../../../wires/services.js'
import { defineCommand, secretOption } from '../../command.js'
import {
  checkOutput,
  type InputOptions,
  type OutputOptions,
  outputOptions,
  type PolicyFlags,
  passOn,
  policyOptions,
  tokenOf,
  wireOption,
} from '../../tokens/output.js'
import { policyOf } from '../../tokens/policy.js'

interface Options extends OutputOptions, InputOptions, PolicyFlags {
  readonly ttl?: Duration
  readonly subject?: string
  readonly wire?: ServiceName
}

export const command = defineCommand<Options>({
  examples: ['solveguard token narrow --token @token --per-day 0.05 --ttl 10m --out narrower'],
  define: (command) =>
    outputOptions(policyOptions(command))
      .addOption(secretOption('--token', 'the wider token'))
      .option('--ttl <duration>', 'how long it is valid from now on (default: as long as the wider one)')
      .option('--subject <name>', 'whom it is for')
      .addOption(wireOption()),
  async run(context, options) {
    checkOutput(context, options)
    const policy = policyOf(options)
    const { ttl, subject, wire } = options
    const wider = await tokenOf(context, options)
    const token = await narrowToken(wider, policy, { ttl, subject, wire, clock: context.clock })
    const { links, expiresAt } = describeToken(token)
    const id = links.at(-1)?.id ?? ''
    passOn(context, options, token, { token, id, subject: subject ?? null, expiresAt })
    context.note(`Narrowed, offline: link ${links.length} is ${id}, valid until ${expiresAt.toISOString()}.`)
    return 0
  },
})
