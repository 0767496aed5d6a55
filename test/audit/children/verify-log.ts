// Verifies the log in a folder, and prints the result and by how many bytes the process grew meanwhile.
import { verifyAudit } from '../../../src/audit/verify.js'

const [, , dir = '', heads = '[]'] = process.argv
const before = process.memoryUsage.rss()
const { ok, records } = await verifyAudit(dir, { heads: JSON.parse(heads) })
// The peak of the process's life, in KiB.
const grown = process.resourceUsage().maxRSS * 1024 - before
console.log(JSON.stringify({ ok, records, grown }))
