import { execFileSync } from 'node:child_process'
import { STAND_INS_VARIABLE, type StandInAddresses, standInAddresses } from './addresses.js'

/** Options of `standInServer`. */
export interface StandInServerOptions {
  /**
   * The port on 127.0.0.1. With a port of its own, each run and each shard on one machine has its own stand-ins.
   * @default the one in the variable `SOLVEGUARD_STAND_INS`, else any free port
   */
  readonly port?: number | undefined
}

/** An entry of `webServer` in `playwright.config.ts`. */
export interface StandInWebServer {
  /** Starts the stand-ins. */
  command: string
  /** Replies once they can be used. */
  url: string
  /** True: stand-ins that run already are used. */
  reuseExistingServer: boolean
}

/** The stand-ins of a suite, which Playwright starts and ends. */
export interface StandInServer extends StandInAddresses {
  /** The entry for `webServer`. */
  readonly webServer: StandInWebServer
}

/**
 * The stand-ins of a whole suite, for `playwright.config.ts`: Playwright starts them once, before your own server, and
 * ends them with the run. All workers have the same, by the variable `SOLVEGUARD_STAND_INS`, which this sets.
 *
 * @throws SolveguardError `CONFIG_INVALID` where that variable has an address that is not on loopback
 * @example
 * const standIns = standInServer()
 * const env = { RECAPTCHA_VERIFY_URL: standIns.verifyUrl('recaptcha'), RECAPTCHA_SECRET: standIns.secretFor(SITEKEY) }
 * export default defineConfig({
 *   webServer: [standIns.webServer, { command: 'npm start', url: 'http://127.0.0.1:3000', env }],
 * })
 */
export function standInServer({ port }: StandInServerOptions = {}): StandInServer {
  const known = port === undefined ? process.env[STAND_INS_VARIABLE] : undefined
  const addresses = standInAddresses(known || `http://127.0.0.1:${port ?? freePort()}`)
  process.env[STAND_INS_VARIABLE] = addresses.url
  const start = `await startStandIns({ port: ${new URL(addresses.url).port} })`
  return {
    ...addresses,
    webServer: {
      // Found from the folder of the configuration, in which Playwright runs it.
      command: `node --input-type=module -e "import { startStandIns } from 'solveguard/testing'; ${start}"`,
      url: addresses.healthUrl,
      reuseExistingServer: true,
    },
  }
}

/** A configuration cannot wait: the port is asked of a short process. */
function freePort(): number {
  const program =
    "const s = require('node:net').createServer(); s.listen(0, '127.0.0.1', () => " +
    '{ process.stdout.write(String(s.address().port)); s.close() })'
  return Number(execFileSync(process.execPath, ['-e', program], { encoding: 'utf8', timeout: 10_000 }))
}
