import { SolveguardError } from '../../base/errors.js'

/** The key of an element reference: https://www.w3.org/TR/webdriver2/#elements */
export const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'

/** An element reference of the protocol. */
export interface ElementReference {
  readonly [ELEMENT]: string
}

/**
 * A WebDriver session with the method names of WebdriverIO: its `browser` is one, on Appium too. For another client,
 * pass an object with these methods; each is the protocol's command of that name.
 */
export interface WebDriverSession {
  /** `POST /execute/sync`: runs a function body. Elements are element references of the protocol. */
  executeScript(script: string, args: unknown[]): Promise<unknown>
  /** `GET /window`. */
  getWindowHandle(): Promise<string>
  /** `GET /window/handles`. */
  getWindowHandles(): Promise<string[]>
  /** `POST /window`. */
  switchToWindow(handle: string): Promise<unknown>
  /** Takes an element of the current frame, or null for the top of the page. */
  switchToFrame(frame: object | null): Promise<unknown>
  /** `POST /frame/parent`. */
  switchToParentFrame(): Promise<unknown>
  /** `GET /url`. */
  getUrl(): Promise<string>
  /** Time-outs, ms; only `script` is used. */
  getTimeouts(): Promise<{ script?: number | null | undefined }>
  /** `POST /timeouts`: time-outs, ms; only `script` is set. */
  setTimeouts(implicit: undefined, pageLoad: undefined, script: number | null): Promise<unknown>
  /** chromedriver's `POST /goog/cdp/execute`, if the session supports it. */
  sendCommandAndGetResult?(command: string, params: object): Promise<unknown>
  /** Whether the session has a WebDriver BiDi connection: WebdriverIO then has a method for each of its commands. */
  readonly isBidi?: boolean | undefined
}

/** The members of selenium-webdriver's `WebDriver` that are used. */
export interface SeleniumDriver {
  /** Runs a function body in the current frame. */
  executeScript(script: string, ...args: unknown[]): Promise<unknown>
  /** The handle of the current window. */
  getWindowHandle(): Promise<string>
  /** The handles of all windows. */
  getAllWindowHandles(): Promise<string[]>
  /** The current page's URL. */
  getCurrentUrl(): Promise<string>
  /** Switches window and frame. */
  switchTo(): {
    /** To the window with this handle. */
    window(handle: string): Promise<unknown>
    /** To the frame of this element; null: to the top of the page. */
    frame(frame: unknown): Promise<unknown>
    /** To the parent frame. */
    parentFrame(): Promise<unknown>
  }
  /** The session's time-outs. */
  manage(): {
    /** Reads them, ms. */
    getTimeouts(): Promise<{ script?: number | null | undefined }>
    /** Sets the script time-out, ms. */
    setTimeouts(timeouts: { script: number }): Promise<unknown>
  }
  /** The session's capabilities; `webSocketUrl` is read. */
  getCapabilities(): Promise<{ get(name: string): unknown }>
  /** The WebDriver BiDi connection. */
  getBidi?(): Promise<SeleniumBidi>
  /** Sends a command of the Chrome DevTools Protocol. */
  sendAndGetDevToolsCommand?(command: string, params: object): Promise<unknown>
}

/** The WebDriver BiDi connection of a Selenium session. */
export interface SeleniumBidi {
  /** Sends a command of the protocol. */
  send(command: { method: string; params: object }): Promise<unknown>
  /** Where the browser's messages arrive. */
  readonly socket: {
    /** Listens to the messages. */
    addEventListener(type: 'message', listener: (event: { data: unknown }) => void): unknown
    /** Ends that. */
    removeEventListener(type: 'message', listener: (event: { data: unknown }) => void): unknown
  }
}

/** The commands of a session, independent of the client. */
export interface SessionCommands {
  execute(script: string, ...args: unknown[]): Promise<unknown>
  window(): Promise<string>
  windows(): Promise<readonly string[]>
  toWindow(handle: string): Promise<unknown>
  toFrame(element: ElementReference | null): Promise<unknown>
  toParent(): Promise<unknown>
  url(): Promise<string>
  /** The session's script time-out, ms; null: none. */
  scriptTimeout(): Promise<number | null | undefined>
  setScriptTimeout(ms: number | null): Promise<unknown>
  /** Sends a command of the Chrome DevTools Protocol to the current window. Missing if not supported. */
  readonly cdp?: ((command: string, params: object) => Promise<unknown>) | undefined
}

/** A WebDriver BiDi connection, independent of the client. */
export interface BidiConnection {
  /** Rejects if the reply is an error. */
  send(method: string, params: object): Promise<unknown>
  /** Calls `listener` with subscribed events, until the returned function is called. */
  listen(events: readonly string[], listener: (event: string, params: unknown) => void): () => void
}

/** The connections to a session. */
export interface Connection {
  readonly commands: SessionCommands
  /** Set if the session was started with `webSocketUrl`. */
  readonly bidi: BidiConnection | undefined
}

/**
 * Finds the connections that a session supports, and tries them.
 * @throws SolveguardError `CONFIG_INVALID` if it is no session of a browser
 */
export async function connectSession(session: WebDriverSession | SeleniumDriver): Promise<Connection> {
  const [commands, bidi] = isSelenium(session)
    ? [seleniumCommands(session), await seleniumBidi(session)]
    : [webdriverIOCommands(checkedSession(session)), webdriverIOBidi(session)]
  try {
    await commands.window()
  } catch (cause) {
    throw new SolveguardError(
      'CONFIG_INVALID',
      'The session has no current window: switch to an open one first; on Appium, to a context of a browser ' +
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
    "guardContext takes selenium-webdriver's driver or WebdriverIO's browser; this object has no " +
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
    // The protocol and the client support null, for no time-out; the client's types do not.
    setScriptTimeout: (ms) => driver.manage().setTimeouts({ script: ms as number }),
    cdp:
      driver.sendAndGetDevToolsCommand &&
      ((command, params) => driver.sendAndGetDevToolsCommand?.(command, params) ?? NONE),
  }
}

/** Converts Selenium's own element objects back to element references. */
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
      const onMessage = ({ data }: { data: unknown }): void => {
        const message = parsed(data)
        if (message?.method !== undefined && events.includes(message.method)) listener(message.method, message.params)
      }
      connection.socket.addEventListener('message', onMessage)
      return () => connection.socket.removeEventListener('message', onMessage)
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

/** WebdriverIO has a method for each BiDi command, and emits BiDi events. */
function webdriverIOBidi(session: WebDriverSession): BidiConnection | undefined {
  if (!session.isBidi) return undefined
  const call = (name: string, ...args: unknown[]): unknown => {
    const method: unknown = Reflect.get(session, name)
    return typeof method === 'function' ? method.apply(session, args) : undefined
  }
  return {
    async send(method, params) {
      const [module = '', command = ''] = method.split('.')
      return call(`${module}${command.charAt(0).toUpperCase()}${command.slice(1)}`, params)
    },
    listen(events, listener) {
      const listeners = events.map((event) => [event, (params: unknown) => listener(event, params)] as const)
      for (const [event, onEvent] of listeners) call('on', event, onEvent)
      return () => {
        for (const [event, onEvent] of listeners) call('off', event, onEvent)
      }
    },
  }
}
