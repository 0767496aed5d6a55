// Compresses one file of a log, and is killed after a step: archive.mjs DIR NAME STEP HEADS
import { archiveSteps } from '../../../src/audit/archive.js'
import { openCheck } from '../../../src/audit/verify.js'

const [dir = '', name = '', last = '', heads = '[]'] = process.argv.slice(2)
const steps = archiveSteps(await openCheck({ dir }, { heads: JSON.parse(heads) }), name)
for (let step = await steps.next(); !step.done; step = await steps.next()) {
  if (step.value === last) process.kill(process.pid, 'SIGKILL')
}
