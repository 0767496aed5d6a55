// Adds a log up, and prints what was found and the memory that it took: fold-log.mjs DIR NOW
import { fold } from '../../../src/report/fold.js'

const [dir = '', now = ''] = process.argv.slice(2)
const began = performance.now()
const { records, total, by } = await fold(dir, { now: Number(now), timeZone: 'Europe/Berlin' })
const ms = performance.now() - began
const { maxRSS } = process.resourceUsage()
console.log(JSON.stringify({ records, total, subjects: by.subject.length, ms, peakBytes: maxRSS * 1024 }))
