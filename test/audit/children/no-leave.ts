// Opens an audit log in a folder that it may not write, as a user who is not root, and writes the denial as JSON.
import { jsonlAudit } from '../../../src/audit/jsonl.js'
import { NOON } from '../events.js'

const NOBODY = 65_534
if (process.getuid?.() === 0) {
  process.setgroups?.([])
  process.setgid?.(NOBODY)
  process.setuid?.(NOBODY)
}
try {
  await jsonlAudit({ dir: process.argv[2] }).open('checkout-tests', NOON)
} catch (error) {
  console.log(JSON.stringify(error))
}
