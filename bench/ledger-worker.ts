// One of several processes that solve against the same ledger file. Arguments: the folder, and for how many seconds.
// Prints `ready`, waits for a line on standard input, then prints how many solves it has reserved and settled.
import { fileLedger } from '../src/ledger/file.js'
import { type Money, micros } from '../src/policy/money.js'

const [dir = '', seconds = '1'] = process.argv.slice(2)
const ledger = fileLedger({ dir })
await ledger.open()
process.stdout.write('ready\n')
await new Promise((resolve) => process.stdin.once('data', resolve))

const path = [{ id: 'bench', limits: { perDay: 1e14 as Money } }]
const until = performance.now() + Number(seconds) * 1_000
let solves = 0
while (performance.now() < until) {
  const id = `${process.pid}-${solves}`
  const now = Date.now()
  await ledger.reserve({ id, ownerId: 'bench', path, amount: micros(3_000), deadline: now + 120_000 }, now)
  await ledger.settle({ reservationId: id, cost: micros(2_990) }, Date.now())
  solves++
}
await ledger.close()
process.stdout.write(`${solves}\n`)
process.exit()
