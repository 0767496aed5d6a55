// Published Python clients of the solver services, which the tests run unchanged against a broker.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fetched, pip } from './pypi.mjs'
import { root } from './setup.mjs'

const PACKAGES = ['captchaai==1.0.1', 'capmonstercloudclient==4.3.1', 'capsolver==1.0.7', 'python-anticaptcha==2.0.0']
const FOLDER = `${root}node_modules/.cache/solveguard/python-clients/${PACKAGES.map((name) => name.replace('==', '-')).join('_')}`

/** Where the clients are, for PYTHONPATH. */
export const PYTHON_CLIENTS = FOLDER

/** Fetches them where they are not here yet. */
export function ensurePythonClients() {
  if (existsSync(FOLDER)) return
  fetched(FOLDER, 'Python clients of the services', (folder) => {
    pip('install', '--target', join(folder), '--only-binary=:all:', ...PACKAGES)
  })
}
