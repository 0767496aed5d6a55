/**
 * The stand-in's scripts, which run in a browser. They are served as the text of these functions, so no function may
 * refer to anything outside itself. They do what the real ones are documented, and observed, to do: two response
 * fields, an answer on the frame too, promises of `execute`, frames on another origin that send JSON strings.
 */

declare global {
  interface Window {
    hcaptcha?: Record<string, unknown>
  }
}

/** `/1/api.js`: the whole API. */
export function api(options: { base: string; render: string; onload: string; compat: boolean }): void {
  interface Client {
    id: string
    element: HTMLElement
    box: HTMLElement
    frame: HTMLIFrameElement
    overlay: HTMLElement
    fields: HTMLTextAreaElement[]
    settings: Record<string, unknown>
    invisible: boolean
    ready: boolean
    queued: boolean
    /** How often it was reset. Replies of its frame to requests from before a reset are ignored. */
    round: number
    response: string
    key: string
    waiting?: { resolve: (answer: object) => void; reject: (reason: string) => void } | undefined
    timer?: ReturnType<typeof setTimeout>
  }

  /** In the order in which they were rendered. */
  const clients = new Map<string, Client>()

  function named(callback: unknown): ((...args: unknown[]) => unknown) | undefined {
    const at: unknown = typeof callback === 'string' ? Reflect.get(window, callback.trim()) : callback
    return typeof at === 'function' ? (at as (...args: unknown[]) => unknown) : undefined
  }

  function clientOf(id: unknown): Client {
    const client = id === undefined ? [...clients.values()][0] : clients.get(String(id))
    if (!client) throw new Error(`[hCaptcha] invalid-captcha-id: ${String(id)}`)
    return client
  }

  function frameOf(kind: string, id: string, settings: Record<string, unknown>): HTMLIFrameElement {
    const frame = document.createElement('iframe')
    const facts = new URLSearchParams({
      frame: kind,
      id,
      host: location.hostname,
      hl: 'en',
      sitekey: String(settings.sitekey).trim(),
    })
    frame.src = `${options.base}/captcha/v1/stand-in/static/hcaptcha.html#${facts}`
    frame.title =
      kind === 'challenge' ? 'hCaptcha challenge' : 'Widget containing checkbox for hCaptcha security challenge'
    if (kind !== 'challenge') {
      frame.dataset.hcaptchaWidgetId = id
      frame.dataset.hcaptchaResponse = ''
    }
    frame.style.border = '0'
    return frame
  }

  function render(container: unknown, params: Record<string, unknown> = {}): string {
    const element = typeof container === 'string' ? document.getElementById(container) : (container as HTMLElement)
    if (!element) throw new Error(`[hCaptcha] Element with id does not exist: ${String(container)}`)
    const drawn = element.querySelector<HTMLElement>('iframe[data-hcaptcha-widget-id]')?.dataset.hcaptchaWidgetId
    if (drawn) {
      console.error('Only one captcha is permitted per parent container.')
      return drawn
    }
    const settings: Record<string, unknown> = {}
    for (const { name, value } of element.attributes) if (name.startsWith('data-')) settings[name.slice(5)] = value
    Object.assign(settings, params)
    if (!settings.sitekey) throw new Error('[hCaptcha] missing-sitekey')
    const id = `0${Math.random().toString(36).slice(2, 13)}`
    const button = element.localName === 'button' || element.localName === 'input'
    const invisible = button || settings.size === 'invisible'
    const frame = frameOf(invisible ? 'checkbox-invisible' : 'checkbox', id, settings)
    frame.width = '303'
    frame.height = '78'
    if (invisible) frame.style.display = 'none'
    const box = document.createElement('div')
    box.append(frame)
    const fields = ['h-captcha-response', ...(options.compat ? ['g-recaptcha-response'] : [])].map((name) => {
      const field = document.createElement('textarea')
      field.name = name
      field.id = `${name}-${id}`
      field.style.display = 'none'
      box.append(field)
      return field
    })
    if (button) element.after(box)
    else element.append(box)
    const overlay = document.createElement('div')
    overlay.setAttribute('aria-hidden', 'true')
    overlay.style.cssText = 'position:absolute;visibility:hidden;top:-10000px;z-index:2147483647;background:#fff'
    const inner = document.createElement('div')
    inner.style.cssText = 'position:relative;z-index:1'
    const challenge = frameOf('challenge', id, settings)
    challenge.style.cssText += ';width:400px;height:300px;position:relative'
    inner.append(challenge)
    const backdrop = document.createElement('div')
    backdrop.style.cssText = 'position:fixed;inset:0;pointer-events:none;opacity:0.05;background:#fff'
    const arrow = document.createElement('div')
    arrow.style.cssText = 'border-width:11px;position:absolute;pointer-events:none'
    arrow.append(document.createElement('div'))
    overlay.append(inner, backdrop, arrow)
    // The documented setting of pages whose modal dialog would cover a challenge at the end of the body.
    const named = settings['challenge-container']
    const into = typeof named === 'string' ? document.getElementById(named) : (named as HTMLElement | undefined)
    ;(into ?? document.body).append(overlay)
    const client: Client = {
      id,
      element,
      box,
      frame,
      overlay,
      fields,
      settings,
      invisible,
      ready: false,
      queued: false,
      round: 0,
      response: '',
      key: '',
    }
    clients.set(id, client)
    if (button) {
      element.addEventListener('click', (event) => {
        event.preventDefault()
        start(client)
      })
    }
    return id
  }

  function start(client: Client): void {
    client.queued = !client.ready
    if (!client.queued) post(client, 'execute')
  }

  function post(client: Client, label: string): void {
    const message = JSON.stringify({ source: 'hcaptcha', label, id: client.id, round: client.round })
    client.frame.contentWindow?.postMessage(message, new URL(options.base).origin)
  }

  function open(client: Client, shown: boolean): void {
    client.overlay.style.visibility = shown ? 'visible' : 'hidden'
    client.overlay.style.top = shown ? '10px' : '-10000px'
    if (shown) named(client.settings['open-callback'])?.()
  }

  function put(client: Client, response: string, key: string): void {
    client.response = response
    client.key = key
    client.frame.dataset.hcaptchaResponse = response
    for (const field of client.fields) field.value = response
    clearTimeout(client.timer)
  }

  function pass(client: Client, response: string, key: string): void {
    put(client, response, key)
    client.waiting?.resolve({ response, key })
    client.waiting = undefined
    named(client.settings.callback)?.(response, key)
    client.timer = setTimeout(() => {
      put(client, '', '')
      named(client.settings['expired-callback'])?.()
    }, 120_000)
  }

  /** Runs when the user has closed the challenge. */
  function closed(client: Client): void {
    open(client, false)
    client.waiting?.reject('challenge-closed')
    client.waiting = undefined
    named(client.settings['close-callback'])?.()
  }

  addEventListener('message', (event) => {
    if (event.origin !== new URL(options.base).origin || typeof event.data !== 'string') return
    const data = JSON.parse(event.data) as {
      source?: string
      label?: string
      id?: string
      round?: number
      contents?: { event?: string; response?: string; key?: string }
    }
    const client = clients.get(data.id ?? '')
    if (data.source !== 'hcaptcha' || !client) return
    if (data.round !== undefined && data.round !== client.round) return
    const { event: what, response, key = '' } = data.contents ?? {}
    if (data.label === 'checkbox-ready') {
      client.ready = true
      post(client, 'reset')
      if (client.queued) start(client)
    } else if (data.label === 'challenge-open') open(client, true)
    else if (data.label === 'challenge-closed') {
      open(client, false)
      if (what === 'challenge-passed' && response) pass(client, response, key)
      else {
        closed(client)
      }
    }
  })

  const hcaptcha = {
    render,
    execute(id?: unknown, options?: { async?: boolean; rqdata?: string }): Promise<object> | undefined {
      const client = clientOf(id)
      if (options?.rqdata !== undefined) client.settings.rqdata = options.rqdata
      start(client)
      if (!options?.async) return undefined
      return new Promise((resolve, reject) => {
        client.waiting = { resolve, reject }
      })
    },
    getResponse: (id?: unknown): string => clientOf(id).response,
    getRespKey: (id?: unknown): string => clientOf(id).key,
    setData(id: unknown, data: Record<string, unknown>): void {
      Object.assign(clientOf(id).settings, data)
    },
    reset(id?: unknown): void {
      const client = clientOf(id)
      put(client, '', '')
      open(client, false)
      client.queued = false
      client.round++
      post(client, 'reset')
    },
    close(id?: unknown): void {
      closed(clientOf(id))
    },
    remove(id?: unknown): void {
      const client = clientOf(id)
      clearTimeout(client.timer)
      client.box.remove()
      client.overlay.remove()
      clients.delete(client.id)
    },
  }
  window.hcaptcha = hcaptcha
  if (options.compat) window.grecaptcha = hcaptcha

  const implicit = () => {
    const selector = options.compat ? '.h-captcha,.g-recaptcha' : '.h-captcha'
    for (const element of document.querySelectorAll(selector)) render(element)
  }
  const begin = () => {
    if (options.render !== 'explicit') implicit()
    named(options.onload)?.()
  }
  if (document.readyState === 'loading') addEventListener('DOMContentLoaded', begin)
  else setTimeout(begin, 0)
}

/** `hcaptcha.html`: both frames of the vendor. The fragment names which one it is. */
export function frame(): void {
  const facts = new URLSearchParams(location.hash.slice(1))
  let round = 0
  const post = (label: string, contents?: object, sentRound?: number) =>
    parent.postMessage(
      JSON.stringify({ source: 'hcaptcha', label, id: facts.get('id'), contents, round: sentRound }),
      '*',
    )
  const request = async (what: string) => {
    const sentRound = challenge ? undefined : round
    const query = new URLSearchParams({ host: facts.get('host') ?? '' })
    const reply = await fetch(`/${what}/${facts.get('sitekey')}?${query}`, { method: 'POST' })
    const { response, key } = (await reply.json()) as { response?: string; key?: string }
    if (response) post('challenge-closed', { event: 'challenge-passed', response, key, expiration: 120 }, sentRound)
    else post('challenge-open', undefined, sentRound)
  }
  const challenge = facts.get('frame') === 'challenge'
  const shown = document.getElementById(challenge ? 'challenge' : 'checkbox')
  if (shown) shown.hidden = false
  document.getElementById('tick')?.addEventListener('click', () => void request('getcaptcha'))
  document.getElementById('verify')?.addEventListener('click', () => void request('checkcaptcha'))
  document.getElementById('close')?.addEventListener('click', () => {
    post('challenge-closed', { event: 'challenge-escaped' })
  })
  if (challenge) return
  addEventListener('message', ({ data, source }) => {
    if (source !== parent || typeof data !== 'string') return
    const message = JSON.parse(data) as { source?: string; label?: string; round?: number }
    if (message.source !== 'hcaptcha') return
    round = message.round ?? round
    if (message.label === 'execute') void request('getcaptcha')
  })
  post('checkbox-ready')
}
