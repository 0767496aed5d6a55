import { CODES, docsOf } from '../base/errors.js'
import type { Alert } from './channel.js'

/** An alert as JSON: the body of a webhook, and what a command reads on standard input. */
export function alertJson({ id, code, guard, message, at, details }: Alert): string {
  return JSON.stringify({
    type: 'solveguard.alert',
    timestamp: at.toISOString(),
    data: { id, code, guard, message, remedy: CODES[code].remedy, docs: docsOf(code), details },
  })
}
