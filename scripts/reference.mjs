// The reference of the package, by typedoc from the doc comments of its public names: one page of Markdown for each
// entry, in docs/reference, which git and the package ignore.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Application, LogLevel } from 'typedoc'
import { ENTRIES, SIDE_EFFECTS } from './entries.mjs'
import { root } from './setup.mjs'

/** Types that others are computed from, and helpers: what they mean is shown, or said, in their place. */
const COMPUTED = [
  'CaptchaTest',
  'Implied',
  'ImpliedFamily',
  'MaybePromise',
  'SERVICES',
  'Variants',
  'VENDOR_ADDRESSES',
  'Vendors',
]

/** How a page looks: options of typedoc-plugin-markdown, which typedoc's own types do not have. */
const LAYOUT = {
  outputFileStrategy: 'modules',
  entryFileName: 'index',
  hidePageHeader: true,
  hideBreadcrumbs: true,
  useCodeBlocks: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  typeDeclarationFormat: 'table',
  enumMembersFormat: 'table',
  tableColumnSettings: { hideModifiers: true, hideSources: true, hideInherited: true, hideOverrides: true },
}

/**
 * @param {string} out
 * @returns {import('typedoc').TypeDocOptions}
 */
function options(out) {
  return {
    out,
    entryPoints: Object.values(ENTRIES).map((file) => `${root}src/${file}.ts`),
    tsconfig: `${root}tsconfig.build.json`,
    plugin: ['typedoc-plugin-markdown'],
    // `npm run check` has the compiler's own errors already.
    skipErrorChecking: true,
    readme: 'none',
    disableSources: true,
    excludeInternal: true,
    excludePrivate: true,
    intentionallyNotExported: COMPUTED,
    logLevel: LogLevel.Warn,
  }
}

/** Writes the pages; an error or a warning of typedoc is thrown. */
export async function writeReference(out = `${root}docs/reference`) {
  rmSync(out, { recursive: true, force: true })
  const app = await Application.bootstrapWithPlugins({ ...options(out), ...LAYOUT })
  /** @type {string[]} */
  const problems = []
  app.logger.log = (message, level) => {
    if (level >= LogLevel.Warn) problems.push(message)
  }
  const project = await app.convert()
  if (project === undefined) throw new Error(`typedoc: ${problems.join('\n')}`)
  const names = new Map(
    Object.entries(ENTRIES).map(([subpath, file]) => [
      file.replace(/\/index$/, ''),
      subpath === '.' ? 'solveguard' : subpath.slice('./'.length),
    ]),
  )
  for (const module of project.children ?? []) module.name = names.get(module.name) ?? module.name
  app.validate(project)
  await app.generateOutputs(project)
  if (problems.length > 0) throw new Error(`typedoc: ${problems.join('\n')}`)
  for (const [subpath, file] of Object.entries(ENTRIES)) {
    const page = `${out}/${names.get(file.replace(/\/index$/, ''))}.md`
    // Its text is in no file of the repository.
    const text = readFileSync(page, 'utf8').replace(/^# .*$/m, `# solveguard${subpath.slice(1)}`)
    const empty = SIDE_EFFECTS.includes(file) ? '\nIt exports nothing: it is loaded for what it does.\n' : ''
    writeFileSync(page, `---\neditLink: false\n---\n\n${text}${empty}`)
  }
}
