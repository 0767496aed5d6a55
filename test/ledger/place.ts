import { fileLedger } from '../../src/ledger/file.js'
import type { Ledger } from '../../src/ledger/ledger.js'
import { redisLedger } from '../../src/ledger/redis.js'

/** Where the ledger is: in a file of this folder, or in the Redis at this address. */
export type WorkPlace = { readonly dir: string } | { readonly redis: string }

/** The ledger at a place. */
export function ledgerAt(place: WorkPlace): Ledger {
  return 'redis' in place ? redisLedger({ url: place.redis }) : fileLedger({ dir: place.dir })
}
