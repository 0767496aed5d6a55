// npm run picture [-- demo | commands]: draws the pictures of docs/pictures from what real runs print: the demo, and
// commands of the built package that are typed into a terminal (tmux), in a project with a stand-in for the service.
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { root } from './setup.mjs'

const COLUMNS = 92
/** The column in which the demo's sentences begin, and in which they go on in the next line. */
const DETAIL_AT = 17
const CHARACTER = { width: 7.8, height: 19 }
const MARGIN = 20
const KEY = '0123456789abcdef0123456789abcdef'
const SITE = 'https://staging.example.com'

/**
 * @typedef {{ character: string, style: string }[]} Line
 * @typedef {{ text: string, style: string, column: number }} Span
 */

/** The colors that the pictures have, by the number in their escape sequence. Any other color ends them. */
const COLORS = new Map([
  [31, 'red'],
  [32, 'green'],
  [33, 'yellow'],
  [36, 'cyan'],
  [90, 'dim'],
])
const ATTRIBUTES = new Map([
  [1, 'bold'],
  [2, 'dim'],
  [4, 'underline'],
])

const folder = `${root}docs/pictures`
mkdirSync(folder, { recursive: true })
const [only] = process.argv.slice(2)
if (only !== 'commands') await drawDemo()
if (only !== 'demo') await drawCommands()

async function drawDemo() {
  const run = spawnSync(process.execPath, ['scripts/demo.mjs'], {
    cwd: root,
    env: { ...process.env, FORCE_COLOR: '1' },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (run.status !== 0) throw new Error(`The demo failed: nothing was drawn.\n${run.stdout}`)
  const title = 'npx solveguard demo: a real browser signs in, and each layer denies what it must'
  save('demo', title, styled(demoLines(run.stdout)).flatMap(wrap))
}

/** A file of the build. Its types are those of the source: there may be no build when types are checked. */
const built = (/** @type {string} */ file) => import(`${root}dist/${file}`)

/** The questions of `init`, then `doctor`, `status` and `drill` in the project that it has made. */
async function drawCommands() {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  /** @type {typeof import('../src/testing/index.js')} */
  const { startSolverService } = await built('testing/index.js')
  /** @type {AsyncDisposable[]} */
  const open = []
  const home = mkdtempSync(join(tmpdir(), 'pictures-'))
  const terminal = openTerminal(home)
  try {
    const service = await startSolverService({ as: 'captchaai', keys: { [KEY]: 25 } })
    open.push(service)
    await terminal.type('npx solveguard init', 'Which sites')
    await terminal.type(SITE, 'Which service')
    await terminal.type('', 'How many dollars')
    await terminal.type('5', 'Where is the key')
    await terminal.press('Down')
    await terminal.type('', 'npx solveguard doctor')
    save(
      'init',
      'npx solveguard init asks for the sites, the service, the amount and the place of the key',
      terminal.lines(),
    )

    prepare(terminal.project, service.url)
    const guard = await spend(terminal.project, service.url)
    open.push(guard)
    await terminal.clear()
    await terminal.type('npx solveguard doctor', /holds|hold\b/)
    save('doctor', 'npx solveguard doctor: each layer, checked with the real parts', terminal.lines())
    await terminal.clear()
    await terminal.type('npx solveguard status', 'file ledger')
    save('status', 'npx solveguard status: what is spent and left', terminal.lines())
    await terminal.clear()
    await terminal.type('npx solveguard drill', 'were not used')
    save('drill', 'npx solveguard drill: which layer answers each attack', terminal.lines())
  } finally {
    for (const each of open.reverse()) await each[Symbol.asyncDispose]()
    terminal.close()
    rmSync(home, { recursive: true, force: true })
  }
}

/**
 * A shell in a terminal, in an empty project that has this package.
 * @param {string} home a folder of its own
 */
function openTerminal(home) {
  // A short name, because its length decides where lines are broken. It fails where there is one already.
  const project = join(tmpdir(), 'shop')
  mkdirSync(project)
  const bin = join(project, 'node_modules/.bin')
  mkdirSync(bin, { recursive: true })
  writeFileSync(join(project, 'package.json'), '{ "private": true }\n')
  symlinkSync(root, join(project, 'node_modules/solveguard'), 'junction')
  symlinkSync('../solveguard/dist/cli/main.js', join(bin, 'solveguard'))
  chmodSync(`${root}dist/cli/main.js`, 0o755)
  const socket = join(home, 'tmux')
  const tmux = (/** @type {string[]} */ ...args) => execFileSync('tmux', ['-S', socket, ...args], { encoding: 'utf8' })
  const variables = `-u CI -u NO_COLOR npm_config_update_notifier=false PS1='$ ' HOME=${home}`
  const shell = `cd ${project} && exec env ${variables} bash --noprofile --norc`
  tmux('-f', '/dev/null', 'new-session', '-d', '-x', String(COLUMNS), '-y', '120', shell)
  const screen = (/** @type {string[]} */ ...args) => tmux('capture-pane', '-p', ...args).trimEnd()

  /** @param {string | RegExp} text */
  const until = async (text) => {
    for (let looked = 0; looked < 600; looked++) {
      // Until the prompt is there again, or the next question.
      if (typeof text === 'string' ? screen().includes(text) : text.test(screen())) return
      await wait(100)
    }
    throw new Error(`The terminal does not show ${text}:\n${screen()}`)
  }
  return {
    project,
    /** Types a line, and waits for what it causes. @param {string} line @param {string | RegExp} text */
    async type(line, text) {
      if (line) tmux('send-keys', '-l', line)
      tmux('send-keys', 'Enter')
      await until(text)
      await wait(500)
    },
    /** @param {string} key */
    async press(key) {
      tmux('send-keys', key)
      await wait(500)
    },
    async clear() {
      tmux('send-keys', '-R', 'C-l')
      tmux('clear-history')
      await wait(500)
    },
    /** What is on the screen, without the prompt that waits. The folder of the project is shown as a user's. */
    lines() {
      const text = screen('-e').replaceAll(project, `~/${basename(project)}`)
      const lines = styled(text.split('\n'))
      const last = lines.at(-1)?.map(({ character }) => character)
      return last?.join('').trim() === '$' ? lines.slice(0, -1) : lines
    },
    close() {
      tmux('kill-server')
      rmSync(project, { recursive: true, force: true })
    },
  }
}

/**
 * The key where `init` said, and the stand-in in place of the service.
 * @param {string} project
 * @param {string} url
 */
function prepare(project, url) {
  mkdirSync(join(project, '.secrets'))
  writeFileSync(join(project, '.secrets/captcha-key'), KEY, { mode: 0o600 })
  const file = join(project, 'solveguard.config.ts')
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.replace("'captchaai'", `{ name: 'captchaai', baseUrl: '${url}' }`))
}

/**
 * Solves of an application, which is still running.
 * @param {string} project
 * @param {string} url
 */
async function spend(project, url) {
  /** @type {typeof import('../src/index.js')} */
  const { createGuard, usd } = await built('index.js')
  /** @type {typeof import('../src/solvers/index.js')} */
  const { captchaAI } = await built('solvers/index.js')
  /** @type {typeof import('../src/secrets/index.js')} */
  const { fileSecret } = await built('secrets/index.js')
  const guard = await createGuard({
    name: basename(project),
    solver: captchaAI({ baseUrl: url, pricing: { per: 'solve', usd: 0.003 }, polling: { firstPollMs: 1, everyMs: 1 } }),
    secret: fileSecret(join(project, '.secrets/captcha-key')),
    policy: { origins: [SITE], budget: { perDay: usd(5), concurrent: 10, perMinute: 1000 } },
    stateDir: join(project, '.solveguard'),
  })
  const challenge = /** @type {const} */ ({ family: 'turnstile', sitekey: '0x4AAAAAAADrill', pageUrl: `${SITE}/login` })
  for await (const _ of guard.stream(Array.from({ length: 400 }, () => ({ ...challenge }))));
  return guard
}

/**
 * @param {string} name
 * @param {string} title
 * @param {Line[]} lines
 */
function save(name, title, lines) {
  writeFileSync(`${folder}/${name}.svg`, draw(title, lines))
}

/**
 * What a reader sees at work: the sign-in, and each layer. Not how the run was set up, nor its sums and files.
 * @param {string} output
 */
function demoLines(output) {
  const lines = output.trimEnd().split('\n')
  const at = (/** @type {string} */ text) => lines.findIndex((line) => stripVTControlCharacters(line).includes(text))
  return ['$ npx solveguard demo', '', ...lines.slice(at('The main job'), at('  allowed   denied')), lines.at(-1) ?? '']
}

/**
 * Each character with its style, which holds until it is changed, also in the next line.
 * @param {string[]} lines
 * @returns {Line[]}
 */
function styled(lines) {
  let color = ''
  /** @type {Set<string>} */
  let attributes = new Set()
  const change = (/** @type {number} */ number) => {
    const attribute = ATTRIBUTES.get(number)
    if (attribute) attributes = new Set(attributes).add(attribute)
    else if (number === 0 || number === 22) attributes = new Set()
    if (number === 0 || (number >= 30 && number < 40) || number >= 90) color = COLORS.get(number) ?? ''
  }
  return lines.map((line) =>
    line.split('\u001b[').flatMap((part, index) => {
      if (index > 0) part.slice(0, part.indexOf('m')).split(';').map(Number).forEach(change)
      const text = index === 0 ? part : part.slice(part.indexOf('m') + 1)
      const style = [...new Set([...attributes, color])].filter(Boolean).join(' ')
      return Array.from(text, (character) => ({ character, style }))
    }),
  )
}

/**
 * Breaks between words what is longer than a line.
 * @param {Line} line
 * @returns {Line[]}
 */
function wrap(line) {
  if (line.length <= COLUMNS) return [line]
  const space = line.findLastIndex(({ character }, column) => character === ' ' && column <= COLUMNS)
  const indent = line[0]?.character === ' ' ? DETAIL_AT : 0
  const rest = [...Array.from(' '.repeat(indent), (character) => ({ character, style: '' })), ...line.slice(space + 1)]
  return [line.slice(0, space), ...wrap(rest)]
}

/**
 * @param {string} title
 * @param {Line[]} lines
 */
function draw(title, lines) {
  const width = COLUMNS * CHARACTER.width + 2 * MARGIN
  const height = lines.length * CHARACTER.height + 2 * MARGIN
  const texts = lines.flatMap((line, index) => {
    const y = round(MARGIN + (index + 0.75) * CHARACTER.height)
    return spans(line).map(({ text, style, column }) => {
      // The length is said too: fonts differ in the width of a character.
      const place = `x="${round(MARGIN + column * CHARACTER.width)}" y="${y}"`
      const length = `textLength="${round(text.length * CHARACTER.width)}"`
      return `<text ${place} ${length}${style && ` class="${style}"`}>${escaped(text)}</text>`
    })
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${round(width)} ${height}" role="img">
<title>${escaped(title)}</title>
<style>
text { font: 13px ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #1f2328; }
.bold { font-weight: bold; } .dim { fill: #59636e; } .green { fill: #1a7f37; } .red { fill: #d1242f; }
.yellow { fill: #9a6700; } .cyan { fill: #1b7c83; }
rect { fill: #f6f8fa; stroke: #d1d9e0; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } .dim { fill: #9198a1; } .green { fill: #3fb950; } .red { fill: #f85149; }
  .yellow { fill: #d29922; } .cyan { fill: #39c5cf; }
  rect { fill: #151b23; stroke: #3d444d; }
}
</style>
<rect x="0.5" y="0.5" width="${round(width - 1)}" height="${height - 1}" rx="8"/>
${texts.join('\n')}
</svg>
`
}

/**
 * The runs of one style, without the white space around them.
 * @param {Line} line
 * @returns {Span[]}
 */
function spans(line) {
  /** @type {Span[]} */
  const found = []
  line.forEach(({ character, style }, column) => {
    const last = found.at(-1)
    if (last?.style === style) last.text += character
    else found.push({ text: character, style, column })
  })
  return found.flatMap(({ text, style, column }) => {
    const before = text.length - text.trimStart().length
    return text.trim() ? [{ text: text.trim(), style, column: column + before }] : []
  })
}

/** @param {number} value */
function round(value) {
  return Number(value.toFixed(1))
}

/** @param {string} text */
function escaped(text) {
  // SVG takes several spaces for one.
  const spaced = text.replaceAll(/ {2,}/g, (spaces) => '\u00a0'.repeat(spaces.length))
  return spaced.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
