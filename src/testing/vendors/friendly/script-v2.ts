/**
 * Version 2's scripts of the stand-in, which run in a browser. They are served as the text of these functions, so no
 * function may refer to anything outside itself. They communicate as `@friendlycaptcha/sdk` and its frames are observed
 * to do: the widget is in a frame on the vendor's origin; the agent, a second and hidden frame, decides; the page's
 * script passes messages between them, and sets the response in the page.
 */

/** A message between the page's script, a widget's frame and the agent's frame. */
interface Message {
  _frc: 1
  type: string
  from_id: string
  to_id: string
  [more: string]: unknown
}

/** `site.min.js`: `window.frcaptcha`. */
export function site(settings: { base: string }): void {
  interface CreateOptions {
    element: HTMLElement
    sitekey?: string | undefined
    formFieldName?: string | null | undefined
    apiEndpoint?: string | undefined
    startMode?: string | undefined
  }
  interface State {
    state: string
    response: string
    mode?: string
    error?: object
    resetTrigger?: string
  }
  interface Target {
    frame: HTMLIFrameElement
    ready: boolean
    waiting: Message[]
  }

  const randomId = (head: string) => `${head}_${Math.random().toString(36).slice(2, 14)}`
  const targets = new Map<string, Target>()
  const origins = new Set<string>()
  const agents = new Map<string, string>()

  function send(message: Message): void {
    const sender = targets.get(message.from_id)
    if (sender && message.type.endsWith('_announce')) {
      sender.ready = true
      sender.frame.style.display = message.type === 'widget_announce' ? '' : 'none'
      for (const one of sender.waiting.splice(0)) post(sender, one)
    }
    if (message.to_id === '') {
      if (message.type === 'root_set_response') {
        const state: object = message
        sdk.getWidgetById(String(message.widget_id))?.setState(state as State)
      } else if (message.type === 'widget_reset') sdk.getWidgetById(message.from_id)?.reset({ trigger: 'widget' })
      return
    }
    const target = targets.get(message.to_id)
    if (!target) return
    if (target.ready) post(target, message)
    else target.waiting.push(message)
  }

  function post({ frame }: Target, message: Message): void {
    frame.contentWindow?.postMessage(message, new URL(frame.src).origin)
  }

  addEventListener('message', ({ origin, data }) => {
    if (origins.has(origin) && data?._frc) send(data as Message)
  })

  function frameOf(
    kind: 'agent' | 'widget',
    id: string,
    origin: string,
    facts: Record<string, string>,
  ): HTMLIFrameElement {
    const frame = document.createElement('iframe')
    frame.className = kind === 'agent' ? 'frc-i-agent' : 'frc-i-widget'
    frame.dataset.FrcFrameId = id
    const query = new URLSearchParams({ origin: location.origin, comm_id: id, sdk_v: 'stand-in', v: '1', ...facts })
    frame.src = `${origin}/api/v2/captcha/${kind}?${query}`
    frame.style.display = 'none'
    targets.set(id, { frame, ready: false, waiting: [] })
    return frame
  }

  function agentOf(origin: string): string {
    const known = agents.get(origin)
    if (known) return known
    const id = randomId('a')
    agents.set(origin, id)
    document.body.append(frameOf('agent', id, origin, { agent_id: id }))
    return id
  }

  class WidgetHandle {
    id: string
    e: HTMLElement & { frcWidget?: WidgetHandle }
    sitekey: string | undefined
    state = 'init'
    response = '.UNINITIALIZED'
    formFieldName: string | null
    startMode: string
    hiddenFormEl: HTMLInputElement | undefined
    isDestroyed = false
    #post: (type: string, more?: object) => void

    constructor(id: string, options: CreateOptions, post: (type: string, more?: object) => void) {
      this.id = id
      this.e = options.element
      this.e.frcWidget = this
      this.#post = post
      this.sitekey = options.sitekey
      this.startMode = options.startMode || 'focus'
      this.formFieldName = options.formFieldName === undefined ? 'frc-captcha-response' : options.formFieldName
      if (this.formFieldName !== null) {
        this.hiddenFormEl = document.createElement('input')
        this.hiddenFormEl.type = 'hidden'
        this.hiddenFormEl.name = this.formFieldName
        this.e.append(this.hiddenFormEl)
      }
      this.setState({ state: 'init', response: '.UNCONNECTED' })
      void Promise.resolve().then(() => this.handleStartMode())
    }

    handleStartMode(): void {
      if (this.startMode === 'auto') this.trigger('auto')
      else if (this.startMode === 'focus') {
        this.e.closest('form')?.addEventListener('focusin', () => this.trigger('focus'), { once: true, passive: true })
      }
    }

    trigger(kind: string): void {
      if (this.isDestroyed) throw new Error('Can not start destroyed widget.')
      this.#post('root_trigger_widget', { trigger: { v: 1, tt: kind } })
    }

    start(): void {
      this.trigger('programmatic')
    }

    reset(options: { trigger: string } = { trigger: 'root' }): void {
      if (this.isDestroyed) throw new Error('Can not reset destroyed widget.')
      this.setState({ state: 'reset', response: '.RESET', resetTrigger: options.trigger })
      this.#post('root_reset_widget')
      this.handleStartMode()
    }

    destroy(): void {
      this.isDestroyed = true
      this.hiddenFormEl?.remove()
      this.hiddenFormEl = undefined
      this.setState({ state: 'destroyed', response: '.DESTROYED' })
      this.#post('root_destroy_widget')
      targets.delete(this.id)
      widgets.delete(this.id)
      this.e.replaceChildren()
    }

    setState(next: State): void {
      const changed = this.state !== next.state
      this.response = next.response
      this.state = next.state
      if (this.hiddenFormEl) this.hiddenFormEl.value = next.response
      if (changed) this.#dispatch('statechange', { error: next.error, mode: next.mode })
      if (next.state === 'expired') this.#dispatch('expire')
      else if (next.state === 'completed') this.#dispatch('complete')
      else if (next.state === 'error') this.#dispatch('error', { error: next.error })
      else if (next.state === 'reset') this.#dispatch('reset', { trigger: next.resetTrigger })
    }

    #dispatch(name: string, more = {}): void {
      const detail = { response: this.response, state: this.state, id: this.id, name: `frc:widget.${name}`, ...more }
      this.e.dispatchEvent(new CustomEvent(detail.name, { bubbles: true, detail }))
    }

    addEventListener(type: string, listener: EventListener): void {
      this.e.addEventListener(type, listener)
    }

    removeEventListener(type: string, listener: EventListener): void {
      this.e.removeEventListener(type, listener)
    }

    getState = () => this.state
    getResponse = () => this.response
    getElement = () => this.e
  }

  const widgets = new Map<string, WidgetHandle>()

  class FriendlyCaptchaSDK {
    createWidget(options: CreateOptions): WidgetHandle {
      const origin = new URL(options.apiEndpoint || settings.base).origin
      origins.add(origin)
      const agent = agentOf(origin)
      const id = randomId('w')
      const frame = frameOf('widget', id, origin, {
        agent_id: agent,
        lang: 'en',
        sitekey: options.sitekey?.trim() ?? '',
      })
      const handle = new WidgetHandle(id, options, (type, more) => {
        send({ _frc: 1, type, from_id: id, to_id: agent, ...more })
      })
      widgets.set(id, handle)
      frame.style.position = 'absolute'
      frame.style.width = '100%'
      frame.style.height = '100%'
      frame.style.border = '0'
      Object.assign(options.element.style, { position: 'relative', width: '316px', height: '70px' })
      options.element.append(frame)
      return handle
    }

    attach(): WidgetHandle[] {
      const made: WidgetHandle[] = []
      for (const element of document.querySelectorAll<HTMLElement & { frcWidget?: WidgetHandle }>('.frc-captcha')) {
        if (element.frcWidget) continue
        const { sitekey, formFieldName, apiEndpoint, start: startMode } = element.dataset
        made.push(this.createWidget({ element, sitekey, formFieldName, apiEndpoint, startMode }))
      }
      return made
    }

    getAllWidgets = () => [...widgets.values()]
    getWidgetById = (id: string) => widgets.get(id)

    clear(): void {
      for (const widget of widgets.values()) widget.destroy()
    }
  }

  const sdk = new FriendlyCaptchaSDK()
  Object.assign(window, { frcaptcha: sdk })
  const setUp = () => void sdk.attach()
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', setUp)
  else setUp()
}

/** The agent's frame: decides for all widgets of a page. */
export function agent(): void {
  const facts = new URLSearchParams(location.search)
  const own = facts.get('comm_id') ?? ''
  const sitekeys = new Map<string, string>()
  /** Widgets that the page started before their own frame was loaded. */
  const early = new Set<string>()
  const post = (type: string, to: string, more: object = {}) =>
    parent.postMessage({ _frc: 1, type, from_id: own, to_id: to, ...more }, facts.get('origin') ?? '*')

  function setState(widget: string, state: string, response: string, more: object = {}): void {
    post('widget_set_state', widget, {
      data: { state, text: `t_${state}`, progress: null, debug: null, response, ...more },
    })
    post('root_set_response', '', { widget_id: widget, state, response, ...more })
  }

  async function request(widget: string, what: string): Promise<{ response?: string; interactive?: boolean }> {
    const query = new URLSearchParams({ sitekey: sitekeys.get(widget) ?? '', origin: facts.get('origin') ?? '' })
    return (await (await fetch(`/api/v2/captcha/${what}?${query}`, { method: 'POST' })).json()) as object
  }

  async function run(widget: string, clicked: boolean): Promise<void> {
    if (!clicked) {
      setState(widget, 'activating', '.UNSTARTED')
      const { interactive } = await request(widget, 'activate')
      if (interactive) return setState(widget, 'activated', '.UNSTARTED', { mode: 'interactive' })
    }
    setState(widget, 'requesting', '.REQUESTING')
    setState(widget, 'solving', '.SOLVING')
    setState(widget, 'verifying', '.VERIFYING')
    const { response } = await request(widget, 'quote')
    if (sitekeys.has(widget)) setState(widget, 'completed', response ?? '.ERROR')
  }

  addEventListener('message', ({ source, data }) => {
    if (source !== parent || !data?._frc) return
    const { type, from_id: from, sitekey } = data as Message
    if (type === 'widget_announce') {
      sitekeys.set(from, String(sitekey))
      setState(from, 'unactivated', '.UNSTARTED')
      if (early.delete(from)) void run(from, false)
    } else if (type === 'root_trigger_widget') {
      if (sitekeys.has(from)) void run(from, false)
      else early.add(from)
    } else if (type === 'widget_trigger') void run(from, true)
    else if (type === 'root_reset_widget') setState(from, 'unactivated', '.UNSTARTED')
    else if (type === 'root_destroy_widget') sitekeys.delete(from)
  })
  post('agent_announce', '')
}

/** The widget's frame: shows the state, and handles the user's click. */
export function widget(): void {
  const facts = new URLSearchParams(location.search)
  const post = (type: string, to: string, more: object) =>
    parent.postMessage(
      { _frc: 1, type, from_id: facts.get('comm_id') ?? '', to_id: to, ...more },
      facts.get('origin') ?? '*',
    )
  const agentId = facts.get('agent_id') ?? ''
  const shown = document.getElementById('state')
  addEventListener('message', ({ source, data }) => {
    if (source !== parent || data?.type !== 'widget_set_state') return
    if (shown) shown.textContent = String((data as { data?: { state?: unknown } }).data?.state)
  })
  document.getElementById('start')?.addEventListener('click', () => {
    post('widget_trigger', agentId, { state: shown?.textContent, signals: {}, trigger: {} })
  })
  post('widget_announce', agentId, {
    sitekey: facts.get('sitekey'),
    lang: facts.get('lang'),
    mode: 'interactive',
    signals: {},
  })
}
