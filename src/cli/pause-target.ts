import type { Command } from 'commander'
import type { PauseTarget } from '../guard/types.js'
import { usageError } from './failure.js'

/** What `pause` and `resume` are about, in place of the whole guard. */
export interface TargetOptions {
  readonly subject?: string | undefined
  readonly tokenId?: string | undefined
}

/** Adds `--subject` and `--token-id`. */
export function targetOptions(command: Command): Command {
  return command
    .option('--subject <subject>', 'only solves of this subject')
    .option('--token-id <id>', 'only solves of the token with this id, and of those narrowed from it')
}

/** The target, and its name in a sentence. */
export function targetOf({ subject, tokenId }: TargetOptions): {
  readonly pause: PauseTarget | undefined
  what(name: string): string
} {
  if (subject !== undefined && tokenId !== undefined) throw usageError('Name --subject or --token-id, not both.')
  if (subject !== undefined) return { pause: { subject }, what: (name) => `The subject ${subject} of ${name}` }
  if (tokenId !== undefined) return { pause: { token: tokenId }, what: (name) => `The token ${tokenId} of ${name}` }
  return { pause: undefined, what: (name) => name }
}
