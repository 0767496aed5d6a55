/**
 * The stand-in's script, which runs in a browser. It is served as the text of this function, so it may not refer to
 * anything outside itself. It does what the real one is documented to do: it draws into the page itself, without a
 * frame, and keeps answers inside and in a hidden field.
 */

declare global {
  interface Window {
    captchafox?: Record<string, unknown>
  }
}

/** `api.js`: `window.captchafox`. */
export function api(options: { base: string; render: string; onload: string }): void {
  interface Widget {
    id: string
    element: HTMLElement
    box: HTMLElement
    button: HTMLButtonElement
    field: HTMLInputElement
    settings: Record<string, unknown>
    token: string
    timer?: ReturnType<typeof setTimeout>
    waiting: { resolve: (token: string) => void; reject: (reason: unknown) => void }[]
  }

  /** In the order in which they were rendered. */
  const widgets = new Map<string, Widget>()

  function named(callback: unknown): ((...args: unknown[]) => unknown) | undefined {
    const at: unknown = typeof callback === 'string' ? Reflect.get(window, callback.trim()) : callback
    return typeof at === 'function' ? (at as (...args: unknown[]) => unknown) : undefined
  }

  /** One of another document too. */
  function isElement(value: unknown): value is HTMLElement {
    return typeof value === 'object' && value !== null && 'nodeType' in value && value.nodeType === 1
  }

  function widgetOf(id: unknown): Widget | undefined {
    return id === undefined ? [...widgets.values()][0] : widgets.get(String(id))
  }

  const ATTRIBUTES: Readonly<Record<string, string>> = {
    onVerify: 'callback',
    onFail: 'fail-callback',
    onError: 'error-callback',
    onExpire: 'expired-callback',
    onClose: 'close-callback',
  }

  function render(container: unknown, params: Record<string, unknown> = {}): string | undefined {
    const element = typeof container === 'string' ? document.querySelector<HTMLElement>(container) : container
    if (!isElement(element)) throw new Error('[CaptchaFox] Container not found.')
    const settings: Record<string, unknown> = {
      sitekey: element.getAttribute('data-sitekey'),
      mode: element.getAttribute('data-mode') ?? 'inline',
      start: element.getAttribute('data-start') ?? 'none',
    }
    for (const name in ATTRIBUTES) settings[name] = element.getAttribute(`data-${ATTRIBUTES[name]}`)
    for (const name in params) if (params[name] !== undefined) settings[name] = params[name]
    if (typeof settings.sitekey !== 'string' || !settings.sitekey.trim()) {
      throw new Error('[CaptchaFox] No sitekey was given.')
    }
    settings.sitekey = settings.sitekey.trim()
    const id = `cf-widget-${Math.random().toString(36).slice(2, 9)}`
    const box = document.createElement('div')
    box.className = 'cf-captcha'
    const button = document.createElement('button')
    button.type = 'button'
    button.setAttribute('role', 'checkbox')
    button.textContent = 'I am human'
    button.onclick = () => void verify(widget, true)
    if (settings.mode === 'hidden') box.style.display = 'none'
    const field = document.createElement('input')
    field.type = 'hidden'
    field.name = 'cf-captcha-response'
    box.append(button, field)
    element.append(box)
    const widget: Widget = { id, element, box, button, field, settings, token: '', waiting: [] }
    widgets.set(id, widget)
    if (settings.start === 'auto') void verify(widget, false)
    return id
  }

  async function verify(widget: Widget, clicked: boolean): Promise<void> {
    const query = new URLSearchParams({
      sk: String(widget.settings.sitekey),
      host: location.hostname,
      clicked: String(clicked),
    })
    const reply = (await (await fetch(`${options.base}/captcha/verify?${query}`)).json()) as { token?: string }
    if (!reply.token || !widgets.has(widget.id)) return
    put(widget, reply.token)
    named(widget.settings.onVerify)?.(reply.token)
    for (const { resolve } of widget.waiting.splice(0)) resolve(reply.token)
    widget.timer = setTimeout(() => {
      put(widget, '')
      named(widget.settings.onExpire)?.()
    }, 120_000)
  }

  function put(widget: Widget, token: string): void {
    widget.token = token
    widget.field.value = token
    clearTimeout(widget.timer)
  }

  window.captchafox = {
    render,
    getResponse: (id?: string) => widgetOf(id)?.token ?? '',
    reset(id?: string) {
      const widget = widgetOf(id)
      if (widget) put(widget, '')
    },
    remove(id?: string) {
      const widget = id === undefined ? undefined : widgetOf(id)
      if (!widget) return
      clearTimeout(widget.timer)
      widget.box.remove()
      widgets.delete(widget.id)
      for (const { reject } of widget.waiting) reject('challenge-aborted')
    },
    execute(id?: string) {
      const widget = widgetOf(id)
      if (!widget) return Promise.reject(new Error('[CaptchaFox] Widget not found.'))
      if (widget.token) return Promise.resolve(widget.token)
      return new Promise<string>((resolve, reject) => {
        widget.waiting.push({ resolve, reject })
        void verify(widget, false)
      })
    },
  }

  const begin = () => {
    if (options.render !== 'explicit') {
      for (const element of document.querySelectorAll<HTMLElement>('.captchafox')) render(element)
    }
    named(options.onload)?.()
  }
  if (document.readyState === 'loading') addEventListener('DOMContentLoaded', begin)
  else setTimeout(begin, 0)
}
