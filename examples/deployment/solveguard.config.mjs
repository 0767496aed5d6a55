// The broker's configuration for all of these deployments. What differs between them is in the environment; secrets
// are in files or in a store, never in a variable.
import { usd } from 'solveguard'
import { redisLedger } from 'solveguard/ledger'
import { fileSecret, vaultSecret } from 'solveguard/secrets'
import { twoCaptcha } from 'solveguard/solvers'

const {
  BROKER_NAME = 'team',
  BROKER_ORIGINS = '',
  BROKER_PER_DAY_USD = '5',
  BROKER_KEY_FILE,
  BROKER_SIGNING_KEY_FILE,
  BROKER_FILES_MOUNTED,
  BROKER_REDIS_URL,
  BROKER_EGRESS_PROXY,
} = process.env

// Files that are mounted into a container can be read by all of its users, of whom there is one.
const options = BROKER_FILES_MOUNTED ? { mounted: true } : { allowGroup: true }

export default {
  name: BROKER_NAME,
  solver: twoCaptcha(),
  secret: BROKER_KEY_FILE ? fileSecret(BROKER_KEY_FILE, options) : vaultSecret({ path: 'captcha/team' }),
  // Every broker that verifies a token needs the same signing key. On one machine the state folder has one.
  ...(BROKER_SIGNING_KEY_FILE && { tokens: { keys: fileSecret(BROKER_SIGNING_KEY_FILE, options) } }),
  // Several machines need one ledger. On one machine the state folder has it.
  ...(BROKER_REDIS_URL && { ledger: redisLedger({ url: BROKER_REDIS_URL }) }),
  policy: {
    origins: BROKER_ORIGINS.split(/[\s,]+/).filter(Boolean),
    budget: { perDay: usd(Number(BROKER_PER_DAY_USD)), wait: '3s' },
    ...(BROKER_EGRESS_PROXY && { egress: { proxy: BROKER_EGRESS_PROXY } }),
  },
}
