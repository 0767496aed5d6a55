import path from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'

const ROOT = path.resolve(import.meta.dirname, '../..')
const PROTOCOL = 'src/widgets/page-kit/protocol.ts'
const CALLS = 'src/widgets/calls.ts'
const PARSE = 'src/widgets/parse.ts'
const MAIN = 'src/widgets/page/main.ts'
const INIT = 'src/widgets/page/init-script.ts'
const INSTALL = 'src/widgets/page/install.ts'

const config = ts.getParsedCommandLineOfConfigFile(path.join(ROOT, 'tsconfig.json'), {}, {
  ...ts.sys,
  onUnRecoverableConfigFileDiagnostic() {},
} as ts.ParseConfigFileHost)
const roots = [CALLS, PARSE, MAIN, INIT].map((name) => path.join(ROOT, name))
let before: ts.Program | undefined

/** Which of these files do not compile once a text of one file is replaced. */
function broken(files: readonly string[], changed?: string, from = '', to = ''): string[] {
  const options = { ...config?.options, noEmit: true }
  const host = ts.createCompilerHost(options)
  const read = host.getSourceFile.bind(host)
  host.getSourceFile = (name, ...more) => {
    if (!changed || path.resolve(name) !== path.join(ROOT, changed)) {
      return before?.getSourceFile(name) ?? read(name, ...more)
    }
    const text = ts.sys.readFile(name) ?? ''
    if (!text.includes(from)) throw new Error(`${changed} does not contain ${from}`)
    return ts.createSourceFile(name, text.replace(from, to), ts.ScriptTarget.ESNext)
  }
  const program = ts.createProgram(roots, options, host)
  before ??= program
  return files.filter((name) => {
    const source = program.getSourceFile(path.join(ROOT, name))
    return program.getSemanticDiagnostics(source).length > 0
  })
}

describe('page and Node compile only where both agree on the protocol:', { timeout: 120_000 }, () => {
  test('as it is', () => {
    expect(broken([PROTOCOL, CALLS, MAIN, INIT, INSTALL])).toEqual([])
  })

  test.each([
    ['a call is renamed', '  notifyPage(', '  fire(', [CALLS, MAIN]],
    ['an argument changes', 'notifyPage(id: string', 'notifyPage(id: number', [CALLS, MAIN]],
    ['an argument is added', 'notifyPage(id: string', 'notifyPage(id: string, once: boolean', [CALLS]],
    ['a property of a request is renamed', 'readonly max: number', 'readonly most: number', [MAIN]],
    ['a property of a reply is renamed', 'readonly reason: string', 'readonly why: string', [PARSE, MAIN]],
    ['a result is added', "'ok' | 'answered'", "'ok' | 'late' | 'answered'", [PARSE]],
    ['the entry is renamed', 'main?: Main', 'api?: Main', [CALLS, MAIN]],
    ['the window’s key changes', "WindowKey = 'solveguard'", "WindowKey = 'other'", [CALLS, INSTALL]],
    ['a variable of the init script is renamed', 'SOLVEGUARD_HOLD_MS: number', 'HOLD_MS: number', [CALLS, INIT]],
  ])('not where %s in the protocol alone', (_, from, to, files) => {
    expect(broken(files, PROTOCOL, from, to)).toEqual(files)
  })

  test('not where a fact is renamed in the facts of a family alone', () => {
    const halves = ['src/widgets/families/mtcaptcha/index.ts', 'src/widgets/families/mtcaptcha/page/index.ts']
    expect(broken(halves, 'src/widgets/families/mtcaptcha/page/facts.ts', 'readonly action', 'readonly what')).toEqual(
      halves,
    )
  })

  test.each([
    ['the page renames a call', MAIN, '    notifyPage(id) {', '    fire(id) {'],
    ['the page replies an unknown result', MAIN, "answer('page-gone')", "answer('gone')"],
    ['Node calls what no page has', CALLS, "call('notifyPage', [id])", "call('fire', [id])"],
    ['Node passes another type', CALLS, "call('notifyPage', [id])", "call('notifyPage', [1])"],
    ['Node passes too few arguments', CALLS, "call('proofOfWork', [id, start])", "call('proofOfWork', [id])"],
    ['Node does not parse a property of a reply', PARSE, '  loading: z.boolean().catch(false),\n', ''],
  ])('not where %s', (_, file, from, to) => {
    expect(broken([file], file, from, to)).toEqual([file])
  })
})
