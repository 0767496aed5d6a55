/**
 * The stand-in's scripts, which run in a browser. They are served as the text of these functions, so no function may
 * refer to anything outside itself. They do what the real ones are documented, and observed, to do: first a loader and
 * later the main script, state nested under minified names, frames on another origin.
 */

declare global {
  interface Window {
    ___grecaptcha_cfg?: VendorConfig
    __recaptcha_api?: string
    __google_recaptcha_client?: boolean
    grecaptcha?: Record<string, unknown>
    trustedTypes?: { createPolicy(name: string, rules: { createScriptURL(url: string): string }): TrustedPolicy }
  }
}

interface TrustedPolicy {
  createScriptURL(url: string): string
}

interface VendorConfig {
  fns?: (() => void)[]
  render?: string[]
  onload?: string[]
  clients?: Record<string, unknown>
  count?: number
  isolated?: number
  trusted?: TrustedPolicy
  /** Renders what was requested since its last call. The main script sets it. */
  begin?: () => void
}

/** `/recaptcha/api.js` and `/recaptcha/enterprise.js`: defines `ready`, keeps its parameters, loads the main script. */
export function loader(options: {
  base: string
  releases: string
  enterprise: boolean
  render: string
  onload: string
}): void {
  window.___grecaptcha_cfg ??= {}
  const cfg = window.___grecaptcha_cfg
  // Assigned in any case: what a page has under that name may be an element of it.
  const known = window.grecaptcha
  window.grecaptcha = known ?? {}
  let api = window.grecaptcha
  if (options.enterprise) {
    api.enterprise ??= {}
    api = api.enterprise as Record<string, unknown>
  }
  api.ready ??= (call: () => void) => {
    cfg.fns ??= []
    cfg.fns.push(call)
  }
  window.__recaptcha_api = `${options.base}/recaptcha/${options.enterprise ? 'enterprise' : 'api2'}/`
  cfg.render ??= []
  cfg.render.push(options.render || 'onload')
  if (options.onload) {
    cfg.onload ??= []
    cfg.onload.push(options.onload)
  }
  const script = document.createElement('script')
  script.async = true
  script.crossOrigin = 'anonymous'
  const nonce = document.querySelector<HTMLScriptElement>('script[nonce]')?.nonce
  if (nonce) script.nonce = nonce
  let source = `${options.releases}/recaptcha/releases/stand-in/recaptcha__en.js`
  if (window.trustedTypes) {
    cfg.trusted ??= window.trustedTypes.createPolicy('goog#html', { createScriptURL: (url) => url })
    source = cfg.trusted.createScriptURL(source)
  }
  script.src = source
  const first = document.getElementsByTagName('script')[0]
  if (first?.parentNode) first.parentNode.insertBefore(script, first)
  else document.head.appendChild(script)
}

/** `recaptcha__en.js`: the API, the widgets and their state. */
export function mainPart(): void {
  const base = window.__recaptcha_api ?? ''
  const enterprise = base.endsWith('/enterprise/')
  window.__google_recaptcha_client = true
  const cfg = window.___grecaptcha_cfg ?? {}
  // Loaded a second time, it only renders what was requested with it.
  if (cfg.begin) {
    cfg.begin()
    return
  }
  const clients = cfg.clients ?? {}
  cfg.clients = clients
  const root = window.grecaptcha as Record<string, unknown>
  const api = enterprise ? (root.enterprise as Record<string, unknown>) : root

  interface Settings {
    sitekey: string
    size?: string
    callback?: unknown
    action?: string
    s?: string | null
    [name: string]: unknown
  }

  interface Client {
    n: number
    settings: Settings
    frame: HTMLIFrameElement
    challenge: HTMLElement
    addChallenge: () => void
    field: HTMLTextAreaElement
    response: string
    /** How often it was reset. Replies of its frame to requests from before a reset are ignored. */
    round: number
    waiting: ((token: string) => void)[]
    timer?: ReturnType<typeof setTimeout>
  }

  const live = new Map<number, Client>()

  function named(callback: unknown): ((...args: unknown[]) => void) | undefined {
    if (typeof callback === 'function') return callback as (...args: unknown[]) => void
    if (typeof callback !== 'string') return undefined
    let at: unknown = window
    for (const part of callback.trim().split('.')) at = (at as Record<string, unknown> | undefined)?.[part]
    return typeof at === 'function' ? (at as (...args: unknown[]) => void) : undefined
  }

  function open(client: Client, shown: boolean): void {
    if (shown) client.addChallenge()
    client.challenge.style.visibility = shown ? 'visible' : 'hidden'
    client.challenge.style.top = shown ? '100px' : '-10000px'
  }

  function post(client: Client, message: object): void {
    client.frame.contentWindow?.postMessage({ ...message, round: client.round }, new URL(base).origin)
  }

  function solved(client: Client, token: string): void {
    open(client, false)
    client.response = token
    client.field.value = token
    for (const resolve of client.waiting.splice(0)) resolve(token)
    if (client.n >= 100_000 && client.settings.score) return
    named(client.settings.callback)?.(token)
    clearTimeout(client.timer)
    client.timer = setTimeout(() => {
      client.response = ''
      client.field.value = ''
      named(client.settings['expired-callback'])?.()
    }, 120_000)
  }

  function frameAt(kind: 'anchor' | 'bframe', name: string, settings: Settings): HTMLIFrameElement {
    const frame = document.createElement('iframe')
    const query = new URLSearchParams({
      k: settings.sitekey,
      co: btoa(`${location.protocol}//${location.host}`).replace(/=/g, '.'),
      hl: 'en',
      v: 'stand-in',
      size: settings.size ?? 'normal',
    })
    frame.title = 'reCAPTCHA'
    frame.name = name
    frame.width = kind === 'anchor' ? '304' : '400'
    frame.height = kind === 'anchor' ? '78' : '300'
    frame.style.border = '0'
    frame.src = `${base}${kind}?${query}`
    return frame
  }

  function render(container: unknown, params: Record<string, unknown> = {}, inherit = false): number {
    // Parameters without a place: an invisible widget at the end of the page, as pages with a v3 key render it.
    if (typeof container === 'object' && container !== null && !('nodeType' in container)) {
      return render(document.body.appendChild(document.createElement('div')), { ...container, size: 'invisible' })
    }
    const element = typeof container === 'string' ? document.getElementById(container) : (container as HTMLElement)
    if (!element) throw new Error('reCAPTCHA placeholder element must be an element or id')
    const settings: Record<string, unknown> = {}
    if (inherit) for (const [name, value] of Object.entries(element.dataset)) settings[dashed(name)] = value
    Object.assign(settings, params)
    if (!settings.sitekey) throw new Error('Missing required parameters: sitekey')
    for (const name of ['sitekey', 'action']) {
      if (typeof settings[name] === 'string') settings[name] = settings[name].trim()
    }
    const button = element.localName === 'button' || element.localName === 'input'
    if (button) settings.size = 'invisible'
    if (element.querySelector('iframe')) throw new Error('reCAPTCHA has already been rendered in this element')
    if (!button && element.childElementCount > 0) throw new Error('reCAPTCHA placeholder element must be empty')
    cfg.count ??= 0
    cfg.isolated ??= 100_000
    const n = settings.isolated || settings.score ? cfg.isolated++ : cfg.count++
    draw(n, element, button, settings as Settings)
    return n
  }

  function dashed(name: string): string {
    return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  }

  function draw(n: number, element: HTMLElement, button: boolean, settings: Settings): void {
    const id = Math.random().toString(36).slice(2, 14)
    const box = document.createElement('div')
    if (settings.size === 'invisible') box.className = 'grecaptcha-badge'
    else {
      box.style.width = '304px'
      box.style.height = '78px'
    }
    const frame = frameAt('anchor', `a-${id}`, settings)
    const inner = document.createElement('div')
    inner.appendChild(frame)
    const field = document.createElement('textarea')
    field.name = 'g-recaptcha-response'
    field.id = n === 0 ? 'g-recaptcha-response' : `g-recaptcha-response-${n}`
    field.className = 'g-recaptcha-response'
    field.style.display = 'none'
    box.append(inner, field)
    // Bound to a button, it is drawn elsewhere, and its state does not name the button.
    const place = button ? document.createElement('div') : element
    if (button) (element.closest('form') ?? document.body).append(place)
    place.append(box)
    const challenge = document.createElement('div')
    challenge.style.cssText = 'position:absolute;visibility:hidden;top:-10000px;z-index:2000000000;background:#fff'
    const backdrop = document.createElement('div')
    backdrop.style.cssText = 'position:fixed;inset:0;opacity:0.05;background:#fff'
    const arrow = document.createElement('div')
    arrow.className = 'g-recaptcha-bubble-arrow'
    arrow.style.cssText = 'border:11px solid transparent;position:absolute;pointer-events:none'
    const holder = document.createElement('div')
    holder.style.cssText = 'position:relative;z-index:2000000000'
    const addChallenge = () => {
      if (holder.childElementCount === 0) holder.append(frameAt('bframe', `c-${id}`, settings))
    }
    // A badge of a score key has no frame for a challenge.
    if (!settings.score) addChallenge()
    challenge.append(backdrop, arrow, holder)
    document.body.append(challenge)

    const client: Client = { n, settings, frame, challenge, addChallenge, field, response: '', round: 0, waiting: [] }
    live.set(n, client)
    const state: Record<string, unknown> = { id: n, O: id, V: box, l: null, K: { N: 12, u: [1, 2, 3] } }
    // Parameters that the page has not given are null.
    settings.s ??= null
    state.l = { l: settings, X: place, U: { state }, B: frame, H: () => id }
    clients[n] = state
    if (button) {
      element.addEventListener('click', (event) => {
        event.preventDefault()
        start(client, settings.action)
      })
    }
  }

  function start(client: Client, action?: string): Promise<string> {
    const go = () => post(client, { standIn: 'execute', action })
    // The frame announces when it listens; messages before that are lost.
    if (client.frame.dataset.ready) go()
    else client.frame.addEventListener('stand-in-ready', go, { once: true })
    return new Promise((resolve) => client.waiting.push(resolve))
  }

  function clientOf(id: unknown): Client {
    if (live.size === 0) throw new Error('No reCAPTCHA clients exist.')
    const first = [...live.keys()].sort((a, b) => a - b)[0]
    const byKey = [...live.values()].find(({ settings }) => settings.score && settings.sitekey === id)
    const client = byKey ?? live.get(id === undefined ? (first ?? -1) : Number(id))
    if (!client) throw new Error(`Invalid site key or not loaded in api.js: ${String(id)}`)
    return client
  }

  addEventListener('message', (event) => {
    if (event.origin !== new URL(base).origin) return
    const { standIn, token, round } = event.data as { standIn?: string; token?: string; round?: number }
    for (const client of live.values()) {
      const challenge = client.challenge.querySelector('iframe')
      if (event.source !== client.frame.contentWindow && event.source !== challenge?.contentWindow) continue
      if (standIn === 'ready' && event.source === client.frame.contentWindow) {
        client.frame.dataset.ready = 'yes'
        post(client, { standIn: 'reset' })
        client.frame.dispatchEvent(new Event('stand-in-ready'))
      }
      if (round !== undefined && round !== client.round) continue
      if (standIn === 'token' && token) solved(client, token)
      if (standIn === 'challenge') open(client, true)
    }
  })

  api.render = render
  api.execute = function execute(id?: unknown, options?: { action?: string }): Promise<string> {
    const client = clientOf(id)
    return start(client, options?.action ?? client.settings.action)
  }
  api.getResponse = function getResponse(id?: unknown): string {
    return clientOf(id).response
  }
  api.reset = function reset(id?: unknown): void {
    const client = clientOf(id)
    clearTimeout(client.timer)
    client.response = ''
    client.field.value = ''
    client.waiting = []
    client.round++
    open(client, false)
    post(client, { standIn: 'reset' })
  }
  api.ready = (call: () => void) => call()

  const begin = () => {
    cfg.begin = begin
    for (const target of cfg.render ?? []) {
      if (target === 'onload') {
        for (const element of document.querySelectorAll<HTMLElement>('.g-recaptcha[data-sitekey]')) {
          if (!element.querySelector('iframe')) render(element, {}, true)
        }
      } else if (
        target !== 'explicit' &&
        ![...live.values()].some(({ settings: { score, sitekey } }) => score && sitekey === target)
      ) {
        const badge = document.createElement('div')
        document.body.appendChild(badge)
        render(badge, { sitekey: target, size: 'invisible', score: true })
      }
    }
    cfg.render = (cfg.render ?? []).filter((target) => target !== 'onload')
    for (const call of (cfg.fns ?? []).splice(0)) call()
    for (const name of (cfg.onload ?? []).splice(0)) {
      const call = named(name)
      if (call) call()
      else console.warn(`reCAPTCHA couldn't find user-provided function: ${name}`)
    }
  }
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', begin)
  else begin()
}

/** The anchor frame: shows the box that the user ticks, and requests tokens from the server. */
export function anchorFrame(options: { sitekey: string; hostname: string }): void {
  let round = 0
  const post = (message: object) => parent.postMessage(message, '*')
  const request = async (action = '') => {
    const sentRound = round
    const query = new URLSearchParams({ k: options.sitekey, hostname: options.hostname, action })
    const answer = await fetch(`reload?${query}`, { method: 'POST' })
    const { token } = (await answer.json()) as { token?: string }
    post({ ...(token ? { standIn: 'token', token } : { standIn: 'challenge' }), round: sentRound })
  }
  document.getElementById('recaptcha-anchor')?.addEventListener('click', () => void request())
  addEventListener('message', (event) => {
    const message = event.data as { standIn?: string; action?: string; round?: number }
    round = message.round ?? round
    if (message.standIn === 'execute') void request(message.action)
  })
  post({ standIn: 'ready' })
}

/** The challenge frame: the button solves it. */
export function challengeFrame(options: { sitekey: string; hostname: string }): void {
  document.getElementById('recaptcha-verify-button')?.addEventListener('click', async () => {
    const query = new URLSearchParams({ k: options.sitekey, hostname: options.hostname })
    const answer = await fetch(`userverify?${query}`, { method: 'POST' })
    const { token } = (await answer.json()) as { token: string }
    parent.postMessage({ standIn: 'token', token }, '*')
  })
}
