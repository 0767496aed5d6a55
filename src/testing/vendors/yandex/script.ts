/**
 * The stand-in's scripts, which run in a browser. They are served as the text of these functions, so no function may
 * refer to anything outside itself. They do what the real ones are documented, and observed, to do: frames on another
 * origin, widgets numbered from 0, a hidden field beside the frame, subscribers beside the callback.
 */

declare global {
  interface Window {
    smartCaptcha?: Record<string, unknown>
  }
}

/** `captcha.js`: `window.smartCaptcha`. */
export function client(options: { base: string; render: string; onload: string }): void {
  interface Widget {
    id: number
    element: HTMLElement
    box: HTMLElement
    frame: HTMLIFrameElement
    challenge?: HTMLElement | undefined
    field: HTMLInputElement
    settings: Record<string, unknown>
    token: string
    timer?: ReturnType<typeof setTimeout>
    listeners: { event: string; run: (...args: unknown[]) => void }[]
  }

  const widgets: (Widget | undefined)[] = []

  function named(callback: unknown): ((...args: unknown[]) => unknown) | undefined {
    const at: unknown = typeof callback === 'string' ? Reflect.get(window, callback.trim()) : callback
    return typeof at === 'function' ? (at as (...args: unknown[]) => unknown) : undefined
  }

  /** One of another document too. */
  function isElement(value: unknown): value is HTMLElement {
    return typeof value === 'object' && value !== null && 'nodeType' in value && value.nodeType === 1
  }

  /** Without an id, the first widget. */
  function widgetOf(id: unknown): Widget | undefined {
    return id === undefined ? widgets.find(Boolean) : widgets[Number(id)]
  }

  function emit(widget: Widget, event: string, ...args: unknown[]): void {
    for (const one of [...widget.listeners]) if (one.event === event) one.run(...args)
  }

  function frameOf(path: string, widget: { id: number; settings: Record<string, unknown> }): HTMLIFrameElement {
    const frame = document.createElement('iframe')
    const query = new URLSearchParams({
      sitekey: String(widget.settings.sitekey),
      id: String(widget.id),
      host: location.hostname,
    })
    frame.src = `${options.base}/${path}.html?${query}`
    frame.setAttribute('data-testid', `${path}-iframe`)
    frame.style.border = '0'
    return frame
  }

  function render(container: unknown, params: Record<string, unknown> = {}): number {
    const element = typeof container === 'string' ? document.getElementById(container) : container
    if (!isElement(element)) throw new Error('Smart captcha: container is not found.')
    const { sitekey, invisible, callback } = params
    if (typeof sitekey !== 'string' || !sitekey.trim()) throw new Error('Smart captcha: sitekey is not set.')
    const settings = { sitekey: sitekey.trim(), invisible: invisible === true, callback }
    const id = widgets.length
    const box = document.createElement('div')
    const frame = frameOf(settings.invisible ? 'shield' : 'checkbox', { id, settings })
    frame.style.width = settings.invisible ? '0' : '300px'
    frame.style.height = settings.invisible ? '0' : '100px'
    const field = document.createElement('input')
    field.type = 'hidden'
    field.name = 'smart-token'
    box.append(frame, field)
    element.replaceChildren(box)
    widgets.push({ id, element, box, frame, field, settings, token: '', listeners: [] })
    return id
  }

  function put(widget: Widget, token: string): void {
    widget.token = token
    widget.field.value = token
    clearTimeout(widget.timer)
  }

  function closeChallenge(widget: Widget): void {
    if (!widget.challenge) return
    widget.challenge.remove()
    widget.challenge = undefined
    emit(widget, 'challenge-hidden')
  }

  async function execute(widget: Widget): Promise<void> {
    const query = new URLSearchParams({ sitekey: String(widget.settings.sitekey), host: location.hostname })
    const reply = (await (await fetch(`${options.base}/check?${query}`)).json()) as { token?: string }
    if (widgets[widget.id] !== widget) return
    if (reply.token) return answer(widget, reply.token)
    if (widget.challenge) return
    const cover = document.createElement('div')
    cover.style.cssText = 'position:fixed;inset:0;background:rgba(0,0,0,.4)'
    cover.append(frameOf('advanced', widget))
    document.body.append(cover)
    widget.challenge = cover
    emit(widget, 'challenge-visible')
  }

  function answer(widget: Widget, token: string): void {
    put(widget, token)
    closeChallenge(widget)
    named(widget.settings.callback)?.(token)
    emit(widget, 'success', token)
    widget.timer = setTimeout(() => {
      put(widget, '')
      emit(widget, 'token-expired')
    }, 300_000)
  }

  addEventListener('message', ({ origin, data }) => {
    const message = data as { source?: string; id?: number; token?: string }
    if (origin !== new URL(options.base).origin || message?.source !== 'smart-captcha') return
    const widget = widgets[message.id ?? -1]
    if (widget && message.token) answer(widget, message.token)
  })

  window.smartCaptcha = {
    render,
    getResponse: (id?: number) => widgetOf(id)?.token ?? '',
    execute(id?: number) {
      const widget = widgetOf(id)
      if (widget) void execute(widget)
    },
    reset(id?: number) {
      const widget = widgetOf(id)
      if (!widget) return
      put(widget, '')
      closeChallenge(widget)
    },
    destroy(id?: number) {
      const widget = widgetOf(id)
      if (!widget) return
      clearTimeout(widget.timer)
      closeChallenge(widget)
      widget.box.remove()
      widgets[widget.id] = undefined
    },
    subscribe(id: number, event: string, run: (...args: unknown[]) => void) {
      const widget = widgetOf(id)
      const listener = { event, run }
      widget?.listeners.push(listener)
      return () => {
        if (widget) widget.listeners = widget.listeners.filter((one) => one !== listener)
      }
    },
    showError: () => undefined,
  }

  const begin = () => {
    if (options.render !== 'onload') {
      for (const element of document.querySelectorAll<HTMLElement>('.smart-captcha')) {
        const { sitekey, callback } = element.dataset
        render(element, { sitekey, callback })
      }
    }
    named(options.onload)?.()
  }
  if (document.readyState === 'loading') addEventListener('DOMContentLoaded', begin)
  else setTimeout(begin, 0)
}

/** The page in a frame: a button, which passes. */
export function frame(): void {
  const query = new URLSearchParams(location.search)
  document.querySelector('button')?.addEventListener('click', async () => {
    const reply = (await (await fetch(`/check?${query}&clicked=1`)).json()) as { token?: string }
    parent.postMessage({ source: 'smart-captcha', id: Number(query.get('id')), token: reply.token }, '*')
  })
}
