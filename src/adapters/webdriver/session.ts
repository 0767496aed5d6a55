import { SolveguardError } from '../../base/errors.js'

/** The name under which the protocol refers to an element. */
export const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'

/** An element, as the protocol refers to it. */
export interface ElementReference {
  readonly [ELEMENT]: string
}

/**
 * A WebDriver session in the words of WebdriverIO: its `browser` is one, on Appium too. Whoever drives sessions with another
 * client gives an object with these few commands; each is the protocol's command of that name.
 */
export interface WebDriverSession {
  /** `POST /execute/sync`: the body of a function. Elements are given as the protocol refers to them. */
  executeScript(script: string, args: unknown[]): Promise<unknown>
  getWindowHandle(): Promise<string>
  getWindowHandles(): Promise<string[]>
  switchToWindow(handle: string): Promise<unknown>
  /** Takes an element of the current frame, or null for the page itself. */
  switchToFrame(frame: object | null): Promise<unknown>
  switchToParentFrame(): Promise<unknown>
  getUrl(): Promise<string>
  /** Time-outs, ms; only `script` is looked at. */
  getTimeouts(): Promise<{ script?: number | null | undefined }>
  setTimeouts(implicit: undefined, pageLoad: undefined, script: number | null): Promise<unknown>
  /** chromedriver's `POST /goog/cdp/execute`, where the session has it. */
  sendCommandAndGetResult?(command: string, params: object): Promise<unknown>
  /** Whether there is a WebDriver BiDi connection: WebdriverIO then has a method for each of its commands. */
  readonly isBidi?: boolean | undefined
}

/** What is needed of selenium-webdriver's `WebDriver`. */
export interface SeleniumDriver {
  executeScript(script: string, ...args: unknown[]): Promise<unknown>
  getWindowHandle(): Promise<string>
  getAllWindowHandles(): Promise<string[]>
  getCurrentUrl(): Promise<string>
  switchTo(): {
    window(handle: string): Promise<unknown>
    frame(frame: unknown): Promise<unknown>
    parentFrame(): Promise<unknown>
  }
  manage(): {
    getTimeouts(): Promise<{ script?: number | null | undefined }>
    setTimeouts(timeouts: { script: number }): Promise<unknown>
  }
  getCapabilities(): Promise<{ get(name: string): unknown }>
  getBidi?(): Promise<SeleniumBidi>
  sendAndGetDevToolsCommand?(command: string, params: object): Promise<unknown>
}

interface SeleniumBidi {
  send(command: { method: string; params: object }): Promise<unknown>
  readonly socket: {
    addEventListener(type: 'message', listener: (event: { data: unknown }) => void): unknown
    removeEventListener(type: 'message', listener: (event: { data: unknown }) => void): unknown
  }
}

/** The commands of a session, whatever client sends them. */
export interface SessionCommands {
  execute(script: string, ...args: unknown[]): Promise<unknown>
  window(): Promise<string>
  windows(): Promise<readonly string[]>
  toWindow(handle: string): Promise<unknown>
  toFrame(element: ElementReference | null): Promise<unknown>
  toParent(): Promise<unknown>
  url(): Promise<string>
  /** How long the session lets a script run, ms; null: for ever. */
  scriptTimeout(): Promise<number | null | undefined>
  setScriptTimeout(ms: number | null): Promise<unknown>
  /** A command of the Chrome DevTools Protocol, where there is one: to the window that is the current one. */
  readonly cdp?: ((command: string, params: object) => Promise<unknown>) | undefined
}

/** A WebDriver BiDi connection, whatever client holds it. */
export interface BidiConnection {
  /** Rejects where the other side says that it failed. */
  send(method: string, params: object): Promise<unknown>
  /** Hears events that were subscribed to, until the function that it returns is called. */
  listen(events: readonly string[], listener: (event: string, params: unknown) => void): () => void
}

/** The ways into a session. */
export interface Connection {
  readonly commands: SessionCommands
  /** There where the session was started with `webSocketUrl`. */
  readonly bidi: BidiConnection | undefined
}

/**
 * Finds the ways into a session, and tries them.
 * @throws SolveguardError `CONFIG_INVALID` for what is no session of a browser
 */
export async function connect(session: WebDriverSession | SeleniumDriver): Promise<Connection> {
  const [commands, bidi] = isSelenium(session)
    ? [seleniumCommands(session), await seleniumBidi(session)]
    : [webdriverIOCommands(checkedSession(session)), webdriverIOBidi(session)]
  try {
    await commands.window()
  } catch (cause) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      'The session names no window that could be guarded: switch to an open one first; on Appium, to a context of a browser ' +
        '(WEBVIEW_… or CHROMIUM, not NATIVE_APP).',
      { cause },
    )
  }
  const { cdp, ...others } = commands
  const [hasCdp, hasBidi] = await Promise.all([
    isSupported(() => cdp?.('Page.getFrameTree', {})),
    isSupported(() => bidi?.send('browsingContext.getTree', { maxDepth: 0 })),
  ])
  return { commands: hasCdp ? commands : others, bidi: hasBidi ? bidi : undefined }
}

async function isSupported(attempt: () => Promise<unknown> | undefined): Promise<boolean> {
  try {
    return (await attempt()) !== undefined
  } catch {
    return false
  }
}

function isSelenium(session: WebDriverSession | SeleniumDriver): session is SeleniumDriver {
  return typeof (session as Partial<SeleniumDriver> | undefined)?.switchTo === 'function'
}

const REQUIRED_COMMANDS = [
  'executeScript',
  'getWindowHandle',
  'getWindowHandles',
  'switchToWindow',
  'switchToFrame',
  'switchToParentFrame',
  'getUrl',
  'getTimeouts',
  'setTimeouts',
] as const satisfies readonly (keyof WebDriverSession)[]

function checkedSession(session: WebDriverSession): WebDriverSession {
  const missing = REQUIRED_COMMANDS.filter(
    (name) => typeof (session as Partial<WebDriverSession> | undefined)?.[name] !== 'function',
  )
  if (missing.length === 0) return session
  throw new SolveguardError(
    'CONFIG_INVALID',
    "guardContext takes selenium-webdriver's driver or WebdriverIO's browser; this has no " +
      `${missing.length === REQUIRED_COMMANDS.length ? 'command of either' : missing.join(', ')}.`,
  )
}

function webdriverIOCommands(session: WebDriverSession): SessionCommands {
  return {
    execute: (script, ...args) => session.executeScript(script, args),
    window: () => session.getWindowHandle(),
    windows: () => session.getWindowHandles(),
    toWindow: (handle) => session.switchToWindow(handle),
    toFrame: (element) => session.switchToFrame(element),
    toParent: () => session.switchToParentFrame(),
    url: () => session.getUrl(),
    scriptTimeout: async () => (await session.getTimeouts()).script,
    setScriptTimeout: (ms) => session.setTimeouts(undefined, undefined, ms),
    cdp:
      session.sendCommandAndGetResult &&
      ((command, params) => session.sendCommandAndGetResult?.(command, params) ?? NONE),
  }
}

const NONE = Promise.resolve(undefined)

function seleniumCommands(driver: SeleniumDriver): SessionCommands {
  return {
    execute: async (script, ...args) => withReferences(await driver.executeScript(script, ...args)),
    window: () => driver.getWindowHandle(),
    windows: () => driver.getAllWindowHandles(),
    toWindow: (handle) => driver.switchTo().window(handle),
    toFrame: (element) => driver.switchTo().frame(element),
    toParent: () => driver.switchTo().parentFrame(),
    url: () => driver.getCurrentUrl(),
    scriptTimeout: async () => (await driver.manage().getTimeouts()).script,
    // The protocol and the client know null, for ever; the client's types do not.
    setScriptTimeout: (ms) => driver.manage().setTimeouts({ script: ms as number }),
    cdp:
      driver.sendAndGetDevToolsCommand &&
      ((command, params) => driver.sendAndGetDevToolsCommand?.(command, params) ?? NONE),
  }
}

/** Selenium makes objects of its own of elements: here they are references again. */
async function withReferences(value: unknown): Promise<unknown> {
  if (Array.isArray(value)) return Promise.all(value.map(withReferences))
  const { getId } = (value ?? {}) as { getId?: unknown }
  if (typeof getId !== 'function') return value
  return { [ELEMENT]: await getId.call(value) } satisfies ElementReference
}

async function seleniumBidi(driver: SeleniumDriver): Promise<BidiConnection | undefined> {
  const url = (await driver.getCapabilities()).get('webSocketUrl')
  if (typeof url !== 'string' || !driver.getBidi) return undefined
  const connection = await driver.getBidi()
  return {
    async send(method, params) {
      const reply = (await connection.send({ method, params })) as {
        result?: unknown
        error?: unknown
        message?: unknown
      }
      if (reply.error !== undefined) throw new Error(`${reply.error}: ${reply.message}`)
      return reply.result
    },
    listen(events, listener) {
      const hear = ({ data }: { data: unknown }): void => {
        const message = parsed(data)
        if (message?.method !== undefined && events.includes(message.method)) listener(message.method, message.params)
      }
      connection.socket.addEventListener('message', hear)
      return () => connection.socket.removeEventListener('message', hear)
    },
  }
}

function parsed(data: unknown): { method?: string; params?: unknown } | undefined {
  try {
    return JSON.parse(String(data))
  } catch {
    return undefined
  }
}

/** WebdriverIO has a method for each command of BiDi, and emits its events. */
function webdriverIOBidi(session: WebDriverSession): BidiConnection | undefined {
  if (!session.isBidi) return undefined
  const browser = session as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
  return {
    async send(method, params) {
      const [module = '', command = ''] = method.split('.')
      return browser[`${module}${command.charAt(0).toUpperCase()}${command.slice(1)}`]?.(params)
    },
    listen(events, listener) {
      const heard = events.map((event) => [event, (params: unknown) => listener(event, params)] as const)
      for (const [event, hear] of heard) browser.on?.(event, hear)
      return () => {
        for (const [event, hear] of heard) browser.off?.(event, hear)
      }
    },
  }
}
