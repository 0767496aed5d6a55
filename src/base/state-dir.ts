import { readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** Files that only the root of several packages has, besides a package.json with `workspaces`. */
const WORKSPACE_FILES = ['pnpm-workspace.yaml', 'lerna.json', 'rush.json']
/** A larger package.json is not read. */
const MAX_MANIFEST_BYTES = 1024 * 1024

/**
 * The folder of the ledger and the audit log where no option names one: `SOLVEGUARD_STATE_DIR`, else `.solveguard` in
 * the project's folder. Processes of one project have one ledger, whatever their working folders are.
 */
export function defaultStateDir(): string {
  return resolve(process.env.SOLVEGUARD_STATE_DIR || join(projectFolder(process.cwd()), '.solveguard'))
}

/**
 * The project's folder: of the nearest package.json, from `folder` upwards; of the root of its workspaces, if it has
 * one; `folder` itself where there is none.
 */
export function projectFolder(folder: string): string {
  let project: string | undefined
  for (const each of upwards(folder)) {
    const manifest = join(each, 'package.json')
    const isPackage = isFile(manifest)
    const isRoot = (isPackage && hasWorkspaces(manifest)) || WORKSPACE_FILES.some((name) => isFile(join(each, name)))
    if (isRoot) return each
    if (isPackage) project ??= each
  }
  return project ?? folder
}

function upwards(folder: string): string[] {
  const above = dirname(folder)
  return above === folder ? [folder] : [folder, ...upwards(above)]
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

function hasWorkspaces(manifest: string): boolean {
  try {
    if (statSync(manifest).size > MAX_MANIFEST_BYTES) return false
    // npm reads a file that begins with a byte order mark too.
    const text = readFileSync(manifest, 'utf8').replace(/^\uFEFF/, '')
    const { workspaces } = JSON.parse(text) as { readonly workspaces?: unknown }
    return typeof workspaces === 'object' && workspaces !== null
  } catch {
    // A package.json that cannot be read is one all the same.
    return false
  }
}
