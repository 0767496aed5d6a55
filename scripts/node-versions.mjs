// Other versions of Node, to run the tests on. npm carries their binaries, one package for each kind of machine.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { npmInstall } from './npm-install.mjs'
import { root } from './setup.mjs'

/** The versions, besides the one that runs the tests, that applications run on. */
export const OTHER_NODES = [22, 24, 26]

const PACKAGE = `node-${process.platform}-${process.arch}`
const folderOf = (/** @type {number} */ major) => join(root, 'node_modules', '.cache', 'solveguard', `node-${major}`)

/**
 * Where a Node of that major version is, or will be.
 * @param {number} major
 */
function binaryOf(major) {
  return join(folderOf(major), 'node_modules', PACKAGE, 'bin', 'node')
}

export function hasOtherNodes() {
  return OTHER_NODES.every((major) => existsSync(binaryOf(major)))
}

export function ensureOtherNodes() {
  for (const major of OTHER_NODES) installNode(major)
}

/**
 * The path of a Node of that major version: fetched on first use, and kept out of the packages that users install.
 * @param {number} major
 */
export function installNode(major) {
  if (!existsSync(binaryOf(major))) npmInstall(folderOf(major), [`${PACKAGE}@${major}`])
  return binaryOf(major)
}
