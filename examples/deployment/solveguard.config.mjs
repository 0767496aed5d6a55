// The broker's configuration for all of these deployments. The service, origins, amounts, the ledger and the way out
// are in variables: SOLVEGUARD_SOLVER, SOLVEGUARD_ORIGINS, SOLVEGUARD_PER_DAY, SOLVEGUARD_LEDGER, SOLVEGUARD_PROXY.
// Secrets are in files or in a store, never in a variable.
import { fileSecret, vaultSecret } from 'solveguard/secrets'

const { BROKER_KEY_FILE, BROKER_SIGNING_KEY_FILE, BROKER_FILES_MOUNTED } = process.env

// Files that are mounted into a container can be read by all of its users, of whom there is one.
const options = BROKER_FILES_MOUNTED ? { mounted: true } : { allowGroup: true }

export default {
  secret: BROKER_KEY_FILE ? fileSecret(BROKER_KEY_FILE, options) : vaultSecret({ path: 'captcha/team' }),
  // Every broker that verifies a token needs the same signing key. On one machine the state folder has one.
  ...(BROKER_SIGNING_KEY_FILE && { tokens: { keys: fileSecret(BROKER_SIGNING_KEY_FILE, options) } }),
  policy: { budget: { wait: '3s' } },
}
