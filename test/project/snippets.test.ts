import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { expect, it } from 'vitest'
import { ENTRIES } from '../../scripts/entries.mjs'

const root = join(import.meta.dirname, '../..')

/** Names that the text around a snippet introduces. A snippet's own declaration takes precedence. */
const DECLARED = `
declare global {
  var page: import('puppeteer-core').Page
}
export {}
`

/** Documents whose snippets can be compiled. */
const DOCUMENTS = ['README.md', 'docs/migrating.md', 'docs/policy.md']

interface Snippet {
  readonly file: string
  readonly code: string
}

/** `require` of these returns the default export; their types declare it under its name only. */
const CALLABLE = /require\('(puppeteer-extra|puppeteer-extra-plugin-recaptcha|solveguard\/puppeteer-extra)'\)/g

/** Each code block of a document as a module of its own; one that calls `require` is CommonJS. */
function snippets(document: string): Snippet[] {
  const text = readFileSync(join(root, document), 'utf8')
  return [...text.matchAll(/^```(ts|js)\n(.*?)^```$/gms)].map(([, language, code = ''], index) => {
    const common = code.includes('require(')
    const line = text.slice(0, text.indexOf(code)).split('\n').length
    const file = join(root, `${document.replaceAll('/', '-')}-${line}-${index}.${common ? 'c' : 'm'}${language}`)
    return { file, code: common ? code.replace(CALLABLE, '$&.default') : `${code}\nexport {}\n` }
  })
}

it('the snippets compile', () => {
  const shown = DOCUMENTS.flatMap(snippets)
  expect(DOCUMENTS.filter((name) => snippets(name).length === 0)).toEqual([])
  const files = new Map(shown.map(({ file, code }) => [file, code]))
  files.set(join(root, 'declared.mts'), DECLARED)
  const entries = Object.entries(ENTRIES).map(([subpath, file]) => [
    `solveguard${subpath.slice(1)}`,
    [`src/${file}.ts`],
  ])
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts', 'lib.esnext.disposable.d.ts'],
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    esModuleInterop: true,
    skipLibCheck: true,
    allowJs: true,
    checkJs: true,
    noImplicitAny: false,
    noEmit: true,
    baseUrl: root,
    paths: { ...Object.fromEntries(entries), puppeteer: ['node_modules/puppeteer-core/lib/types.d.ts'] },
  }
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile, getSourceFile } = host
  host.fileExists = (path) => files.has(path) || fileExists.call(host, path)
  host.readFile = (path) => files.get(path) ?? readFile.call(host, path)
  host.getSourceFile = (path, language, ...others) => {
    const code = files.get(path)
    return code === undefined
      ? getSourceFile.call(host, path, language, ...others)
      : ts.createSourceFile(path, code, language)
  }
  const program = ts.createProgram([...files.keys()], options, host)
  const problems = [...files.keys()].flatMap((file) => {
    const source = program.getSourceFile(file)
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      ({ messageText }) => `${file.slice(root.length + 1)}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
    )
  })
  expect(problems).toEqual([])
})

it('every page of docs/ is linked from the README or from another page', () => {
  const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))
  const texts = ['README.md', ...pages.map((name) => `docs/${name}`)].map((name) => [
    name,
    readFileSync(join(root, name), 'utf8'),
  ])
  const lonely = pages.filter((name) => !texts.some(([from, text]) => from !== `docs/${name}` && text?.includes(name)))
  expect(lonely).toEqual([])
})
