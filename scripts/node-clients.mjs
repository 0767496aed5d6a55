// Published clients of the solver services and HTTP libraries for Node, which the tests run unchanged under
// `solveguard/register`. They are kept out of this project's own packages: some need other versions of a library.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { npmInstall } from './npm-install.mjs'
import { root } from './setup.mjs'

const PACKAGES = [
  '@2captcha/captcha-solver@1.3.9',
  '2captcha-ts@2.4.1',
  '@antiadmin/anticaptchaofficial@1.0.56',
  'anticaptcha@2.2.0',
  '@zennolab_com/capmonstercloud-client@2.6.1',
  'puppeteer-extra-plugin-recaptcha@3.6.8',
  'axios@1.21.1',
  'got@14',
  'node-fetch@3',
  'undici@7.30.2',
  'https-proxy-agent@7',
]
const FOLDER = join(root, 'node_modules', '.cache', 'solveguard', 'node-clients')

/** The folder of the installed clients. */
export const NODE_CLIENTS = join(FOLDER, 'node_modules')

export function hasNodeClients() {
  return existsSync(join(NODE_CLIENTS, '.package-lock.json'))
}

/** Fetches them where they are not here yet. */
export function ensureNodeClients() {
  if (!hasNodeClients()) npmInstall(FOLDER, PACKAGES)
}
