// Published Python clients of the solver services, which the tests run unchanged against a broker.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fetched, pip } from './pypi.mjs'
import { root } from './setup.mjs'

/** Those that take an address. */
const BY_ADDRESS = ['captchaai==1.0.1', 'capmonstercloudclient==4.3.1', 'capsolver==1.0.7', 'python-anticaptcha==2.0.0']
/** Those that build `https://` and a host themselves, or have a fixed address. */
const BY_TLS = [
  '2captcha-python==2.1.2',
  'anticaptchaofficial==1.0.72',
  'capmonster-python==5.0.0',
  'python3-anticaptcha==2.3.0',
  'python3-capsolver==1.2.2',
  'python-rucaptcha==6.8.2',
  'unicaps==1.3.0',
]
const CACHE = `${root}node_modules/.cache/solveguard/python-clients`

/** @param {string[]} packages */
const folderOf = (packages) => join(CACHE, packages.map((name) => name.replace('==', '-')).join('_'))

/** Where the clients are, for PYTHONPATH. */
export const PYTHON_CLIENTS = folderOf(BY_ADDRESS)
/** Where those are that need TLS. */
export const PYTHON_TLS_CLIENTS = folderOf(BY_TLS)

export function hasPythonClients() {
  return [BY_ADDRESS, BY_TLS].every((packages) => existsSync(folderOf(packages)))
}

/** Fetches them where they are not here yet. */
export function ensurePythonClients() {
  for (const packages of [BY_ADDRESS, BY_TLS]) {
    const target = folderOf(packages)
    if (existsSync(target)) continue
    fetched(target, 'Python clients of the services', (folder) => {
      pip('install', '--target', join(folder), '--prefer-binary', ...packages)
    })
  }
}
