/**
 * The stand-in's scripts, which run in a browser. They are served as the text of these functions, so no function may
 * refer to anything outside itself. They do what the real ones are documented, and observed, to do: the frame in a
 * closed shadow root on another origin, a hidden input beside it, answers kept inside, implicit widgets once the
 * document is parsed.
 */

declare global {
  interface Window {
    turnstile?: Record<string, unknown>
  }
}

/** `/turnstile/v0/…/api.js`: the whole API. */
export function api(options: { base: string; render: string; onload: string; compat: boolean }): void {
  const SOURCE = 'cloudflare-challenge'
  const PREFIX = 'cf-chl-widget-'
  const async = (document.currentScript as HTMLScriptElement | null)?.async === true

  interface Widget {
    id: string
    element: HTMLElement
    wrapper: HTMLElement
    frame: HTMLIFrameElement
    fields: HTMLInputElement[]
    settings: Record<string, unknown>
    executing: boolean
    ready: boolean
    response: string | undefined
    expired: boolean
    timer?: ReturnType<typeof setTimeout>
  }

  /** In the order in which they were rendered. */
  const widgets = new Map<string, Widget>()

  function fail(message: string): never {
    throw new Error(`[Cloudflare Turnstile] ${message}.`)
  }

  function named(callback: unknown): ((...args: unknown[]) => unknown) | undefined {
    const at: unknown = typeof callback === 'string' ? Reflect.get(window, callback.trim()) : callback
    return typeof at === 'function' ? (at as (...args: unknown[]) => unknown) : undefined
  }

  function select(selector: string): HTMLElement | null {
    try {
      return document.querySelector<HTMLElement>(selector)
    } catch {
      return null
    }
  }

  function widgetOf(target: unknown): Widget | undefined {
    if (target === undefined) return [...widgets.values()].at(-1)
    if (typeof target === 'string') return widgets.get(target) ?? widgetOf(select(target))
    return [...widgets.values()].find(({ element, wrapper }) => element === target && wrapper.isConnected)
  }

  function render(container: unknown, params: Record<string, unknown> = {}): string | undefined {
    const element = typeof container === 'string' ? select(container) : (container as HTMLElement)
    if (!element) fail(`Unable to find a container for "${String(container)}"`)
    // What it has drawn decides, not what was rendered there before.
    if ([...widgets.values()].some(({ wrapper }) => element.contains(wrapper))) {
      console.warn('Turnstile has already been rendered in this container. The render attempt was rejected.')
      return undefined
    }
    const settings: Record<string, unknown> = {}
    for (const { name, value } of element.attributes) {
      if (name === 'data-cdata') settings.cData = value
      else if (name.startsWith('data-')) settings[name.slice(5)] = value
    }
    Object.assign(settings, params)
    if (typeof settings.sitekey !== 'string') fail('Invalid or missing type for parameter "sitekey"')
    for (const name of ['sitekey', 'action']) {
      if (typeof settings[name] === 'string') settings[name] = settings[name].trim()
    }
    const suffix = Math.random().toString(36).slice(2, 7)
    const id = PREFIX + suffix
    const wrapper = document.createElement('div')
    const host = document.createElement('div')
    const frame = document.createElement('iframe')
    const origin = `${options.base}/cdn-cgi/challenge-platform/h/b/turnstile/f/ov2/av0/rch`
    frame.id = id
    frame.title = 'Widget containing a Cloudflare security challenge'
    frame.src = `${origin}/${suffix}/${String(settings.sitekey)}/auto/fbE/new/normal/auto/`
    frame.style.border = 'none'
    frame.width = settings.appearance === 'interaction-only' ? '0' : '300'
    frame.height = settings.appearance === 'interaction-only' ? '0' : '65'
    host.attachShadow({ mode: 'closed' }).appendChild(frame)
    wrapper.appendChild(host)
    const fields: HTMLInputElement[] = []
    const field = (name: string, fieldId: string) => {
      const input = document.createElement('input')
      input.type = 'hidden'
      input.name = name
      input.id = fieldId
      wrapper.appendChild(input)
      fields.push(input)
    }
    if (settings['response-field'] !== false && settings['response-field'] !== 'false') {
      field(String(settings['response-field-name'] ?? 'cf-turnstile-response'), `${id}_response`)
      if (options.compat) field('g-recaptcha-response', `${id}_g_response`)
    }
    element.appendChild(wrapper)
    const executing = settings.execution !== 'execute'
    widgets.set(id, {
      id,
      element,
      wrapper,
      frame,
      fields,
      settings,
      executing,
      ready: false,
      response: undefined,
      expired: false,
    })
    return id
  }

  function post(widget: Widget, event: string): void {
    const { action, cData } = widget.settings
    const message = { source: SOURCE, widgetId: widget.id, event, action, cData, hostname: location.hostname }
    widget.frame.contentWindow?.postMessage(message, new URL(options.base).origin)
  }

  function answer(widget: Widget, token: string): void {
    widget.executing = false
    widget.response = token
    for (const field of widget.fields) field.value = token
    named(widget.settings.callback)?.(token, false)
    clearTimeout(widget.timer)
    widget.timer = setTimeout(() => {
      widget.expired = true
      named(widget.settings['expired-callback'])?.(token)
      if ((widget.settings['refresh-expired'] ?? 'auto') === 'auto') turnstile.reset(widget.id)
    }, 300_000)
  }

  addEventListener('message', (event) => {
    const data = event.data as { source?: string; widgetId?: string; event?: string; token?: string; code?: string }
    const widget = widgets.get(data?.widgetId ?? '')
    if (data?.source !== SOURCE || !widget || event.source !== widget.frame.contentWindow) return
    switch (data.event) {
      case 'init':
        widget.ready = true
        if (widget.executing) post(widget, 'execute')
        break
      case 'interactiveBegin':
        widget.frame.width = '300'
        widget.frame.height = '65'
        named(widget.settings['before-interactive-callback'])?.()
        break
      case 'complete':
        if (data.token) answer(widget, data.token)
        break
      case 'fail':
        widget.executing = false
        named(widget.settings['error-callback'])?.(data.code)
        break
    }
  })

  const turnstile = {
    ready(callback: () => void): void {
      if (async) fail('Remove async/defer from the Turnstile api.js script tag before using turnstile.ready()')
      if (document.readyState === 'loading') addEventListener('DOMContentLoaded', () => callback())
      else callback()
    },
    render,
    execute(target: unknown, params?: Record<string, unknown>): void {
      const widget = widgetOf(target) ?? widgets.get(render(target, params) ?? '')
      if (!widget || widget.executing) return
      Object.assign(widget.settings, params)
      if (widget.response) return void named(widget.settings.callback)?.(widget.response, false)
      widget.executing = true
      if (widget.ready) post(widget, 'execute')
    },
    reset(target?: unknown): void {
      const widget = widgetOf(target)
      if (!widget) {
        console.warn('Nothing to reset found for the provided container.')
        return
      }
      clearTimeout(widget.timer)
      widget.response = undefined
      widget.expired = false
      widget.ready = false
      widget.executing = widget.settings.execution !== 'execute'
      for (const field of widget.fields) field.value = ''
      const { src } = widget.frame
      widget.frame.src = src
    },
    remove(target?: unknown): void {
      const widget = widgetOf(target)
      if (!widget) {
        console.warn('Nothing to remove found for the provided container.')
        return
      }
      clearTimeout(widget.timer)
      widget.wrapper.remove()
      widgets.delete(widget.id)
    },
    getResponse: (target?: unknown): string | undefined =>
      (widgetOf(target) ?? fail('Could not find widget for provided container')).response,
    isExpired: (target?: unknown): boolean =>
      (widgetOf(target) ?? fail('Could not find widget for provided container')).expired,
  }
  if (options.onload) setTimeout(() => named(options.onload)?.(), 0)
  // Loaded a second time, it leaves everything to the first one, or to what else the page has under that name.
  if ('turnstile' in window) {
    console.warn('Turnstile already has been loaded. Was Turnstile imported multiple times?')
    return
  }
  window.turnstile = turnstile
  if (options.compat) window.grecaptcha = turnstile

  const implicit = () => {
    const selector = options.compat ? '.cf-turnstile,.g-recaptcha' : '.cf-turnstile'
    for (const element of document.querySelectorAll(selector)) render(element)
  }
  if (options.render !== 'explicit') {
    if (document.readyState === 'loading') addEventListener('DOMContentLoaded', implicit)
    else setTimeout(implicit, 0)
  }
}

/** The widget's frame: sends a request to the server, and shows a box to tick if the server wants one. */
export function frame(options: { widgetId: string }): void {
  const post = (message: object) =>
    parent.postMessage({ source: 'cloudflare-challenge', widgetId: options.widgetId, ...message }, '*')
  const box = document.getElementById('box')
  let query = new URLSearchParams()
  const request = async () => {
    const reply = await fetch(`flow?${query}`, { method: 'POST' })
    const { token, interactive, code } = (await reply.json()) as {
      token?: string
      interactive?: boolean
      code?: string
    }
    if (interactive && box) box.hidden = false
    if (token) post({ event: 'complete', token })
    else if (interactive) post({ event: 'interactiveBegin' })
    else post({ event: 'fail', code })
  }
  addEventListener('message', ({ data, source }) => {
    if (source !== parent || data?.event !== 'execute') return
    query = new URLSearchParams({ hostname: data.hostname ?? '' })
    if (data.action !== undefined) query.set('action', data.action)
    if (data.cData !== undefined) query.set('cdata', data.cData)
    void request()
  })
  box?.addEventListener('click', () => {
    query.set('clicked', 'yes')
    void request()
  })
  post({ event: 'init' })
}
