/**
 * The stand-in's scripts, which run in a browser. They are served as the text of these functions, so no function may
 * refer to anything outside itself. They do what the real ones are documented, and observed, to do: a small loader that
 * a site may host itself, all requests by scripts across origins (JSONP), the main script later, answers kept inside,
 * no frames.
 */

declare global {
  interface Window {
    initGeetest?: (config: object, ready: (captcha: object) => void) => void
    initGeetest4?: (config: object, ready: (captcha: object) => void) => void
    Geetest?: new (config: never) => object
    Geetest4?: new (config: never) => object
  }
}

/** `gt.js` and `gt4.js`: request the address of the main script, load it, and create an object for the page. */
export function loader({ base, v4 }: { base: string; v4: boolean }): void {
  type Init = (config: Record<string, unknown>, ready: (captcha: object) => void) => void
  let loading: Promise<void> | undefined

  const script = (src: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const element = document.createElement('script')
      element.src = src
      // The real loaders, too, continue only after the script's event.
      element.onload = () => setTimeout(resolve, 0)
      element.onerror = () => reject(new Error('网络错误'))
      document.head.append(element)
    })

  const request = (path: string, facts: Record<string, string>): Promise<Record<string, string>> =>
    new Promise((resolve, reject) => {
      const callback = `geetest_${Math.floor(Math.random() * 1e4) + Date.now()}`
      Reflect.set(window, callback, (reply: { data: Record<string, string> }) => {
        Reflect.deleteProperty(window, callback)
        resolve(reply.data)
      })
      script(`${base}${path}?${new URLSearchParams({ ...facts, callback })}`).catch(reject)
    })

  const init: Init = (settings, ready) => {
    const config: Record<string, unknown> = { ...settings, base }
    const key = v4 ? 'captchaId' : 'gt'
    if (typeof settings[key] !== 'string') throw new Error(`${key}字段不是字符串类型`)
    const facts: Record<string, string> = v4
      ? { captcha_id: settings.captchaId as string }
      : { gt: settings.gt as string }
    void request(v4 ? '/load' : '/gettype.php', facts).then((reply) => {
      loading ??= script(base + reply.js)
      return loading.then(() => {
        const Made = (v4 ? window.Geetest4 : window.Geetest) as new (config: object) => object
        ready(new Made({ ...config, ...reply }))
      })
    })
  }
  Reflect.set(window, v4 ? 'initGeetest4' : 'initGeetest', init)
}

/** v3's main script (`fullpage.js`). Its objects are instances of a class. */
export function mainPart3(): void {
  type Callback = (...args: unknown[]) => void
  type Values = Record<'geetest_challenge' | 'geetest_validate' | 'geetest_seccode', string>

  class Geetest {
    #config: Record<string, string | undefined>
    #on: Record<string, Callback[]> = {}
    #values: Values | undefined
    #form: HTMLElement | undefined
    #holder: HTMLElement | undefined
    #panel = document.createElement('div')
    #ready: Promise<void>

    constructor(config: Record<string, string | undefined>) {
      this.#config = config
      this.#panel.className = 'geetest_panel geetest_wind'
      this.#panel.style.cssText = 'display:none;position:fixed;inset:0;background:#0008'
      this.#panel.innerHTML =
        '<div class="geetest_panel_ghost"></div><button type="button" class="geetest_slider_button">Slide</button><button type="button" class="geetest_close">×</button>'
      this.#panel.querySelector('.geetest_slider_button')?.addEventListener('click', () => void this.#ajax(true))
      this.#panel.querySelector('.geetest_close')?.addEventListener('click', () => {
        this.#show(false)
        this.#emit('close')
      })
      document.body.append(this.#panel)
      this.#ready = this.#request('/get.php').then((reply) => {
        if (reply.status === 'error') this.#emit('error', { error_code: 'error_02', msg: reply.error })
        else this.#emit('ready')
      })
    }

    #emit(what: string, ...args: unknown[]): void {
      for (const callback of [...(this.#on[what] ?? [])]) callback(...args)
    }

    #add(what: string, callback: Callback): this {
      this.#on[what] = [...(this.#on[what] ?? []), callback]
      return this
    }

    #request(path: string, more: Record<string, string> = {}): Promise<Record<string, string>> {
      const { base, gt = '', challenge = '' } = this.#config
      return new Promise((resolve) => {
        const callback = `geetest_${Math.floor(Math.random() * 1e9)}`
        Reflect.set(window, callback, (reply: Record<string, string>) => {
          Reflect.deleteProperty(window, callback)
          resolve(reply)
        })
        const element = document.createElement('script')
        element.src = `${base}${path}?${new URLSearchParams({ gt, challenge, ...more, callback })}`
        document.head.append(element)
      })
    }

    #show(shown: boolean): void {
      this.#panel.style.display = shown ? 'block' : 'none'
    }

    async #ajax(slid: boolean): Promise<void> {
      const reply = await this.#request(
        '/ajax.php',
        slid ? { slid: '1', host: location.hostname } : { host: location.hostname },
      )
      if (reply.result !== 'success') return this.#show(true)
      this.#show(false)
      const { challenge = '', validate = '' } = reply
      this.#values = { geetest_challenge: challenge, geetest_validate: validate, geetest_seccode: `${validate}|jordan` }
      this.#fill()
      this.#emit('success')
    }

    #fill(): void {
      for (const form of [this.#form, this.#holder]) {
        for (const input of form?.querySelectorAll('input') ?? []) {
          input.value = this.#values?.[input.name as keyof Values] ?? ''
        }
      }
    }

    #inputs(): HTMLElement {
      const form = document.createElement('div')
      form.className = 'geetest_form'
      for (const name of ['geetest_challenge', 'geetest_validate', 'geetest_seccode']) {
        const input = document.createElement('input')
        input.type = 'hidden'
        input.name = name
        form.append(input)
      }
      return form
    }

    appendTo(place: string | HTMLElement): this {
      const element = typeof place === 'string' ? document.querySelector<HTMLElement>(place) : place
      if (!element) throw new Error('error_100')
      const holder = document.createElement('div')
      holder.className = 'geetest_holder geetest_wind geetest_ant'
      const button = document.createElement('div')
      button.className = 'geetest_btn'
      button.textContent = 'Click to verify'
      button.addEventListener('click', () => void this.#ajax(false))
      holder.append(this.#inputs(), button)
      this.#holder = holder
      element.append(holder)
      return this
    }

    bindForm(place: string | HTMLElement): this {
      const form = typeof place === 'string' ? document.querySelector<HTMLElement>(place) : place
      if (!form) throw new Error('error_101')
      this.#form = this.#inputs()
      form.append(this.#form)
      return this
    }

    getValidate(): Values | false {
      return this.#values ? { ...this.#values } : false
    }

    verify(): this {
      void this.#ready.then(() => this.#ajax(false))
      return this
    }

    reset(): this {
      this.#values = undefined
      this.#fill()
      this.#show(false)
      return this
    }

    destroy(): void {
      this.#holder?.remove()
      this.#form?.remove()
      this.#panel.remove()
    }

    onReady = (callback: Callback) => this.#add('ready', callback)
    onClose = (callback: Callback) => this.#add('close', callback)
    onError = (callback: Callback) => this.#add('error', callback)

    onSuccess(callback: Callback): this {
      return this.#add('success', callback)
    }
  }
  window.Geetest = Geetest
}

/** v4's main script (`gcaptcha4.js`). Its objects are literals. */
export function mainPart4(): void {
  type Callback = (...args: unknown[]) => void

  function Geetest4(config: Record<string, string | undefined>): object {
    const on: Record<string, Callback[]> = {}
    let values: Record<string, string> | undefined
    const box = document.createElement('div')
    box.className = 'geetest_captcha geetest_customTheme'
    const bound = config.product === 'bind'
    box.innerHTML = `${bound ? '' : '<div class="geetest_holder4"><div class="geetest_btn_click">Click to verify</div></div>'}
<div class="geetest_box_wrap" style="display:none;position:fixed;inset:0;background:#0008"><button type="button" class="geetest_submit">OK</button><button type="button" class="geetest_close">×</button></div>`
    const popup = box.querySelector<HTMLElement>('.geetest_box_wrap')
    const inputs: HTMLInputElement[] = []

    const emit = (what: string, ...args: unknown[]): void => {
      for (const callback of [...(on[what] ?? [])]) callback(...args)
    }
    const add = (what: string) => (callback: Callback) => {
      on[what] = [...(on[what] ?? []), callback]
      return captcha
    }
    const show = (shown: boolean): void => {
      box.classList.toggle('geetest_boxShow', shown)
      if (popup) popup.style.display = shown ? 'block' : 'none'
      if (shown) emit('boxShow')
    }
    const request = (done: boolean): Promise<void> =>
      new Promise((resolve) => {
        const callback = `geetest_${Math.floor(Math.random() * 1e9)}`
        Reflect.set(window, callback, (reply: { result: string; seccode?: Record<string, string> }) => {
          Reflect.deleteProperty(window, callback)
          if (reply.result === 'success') {
            show(false)
            values = reply.seccode
            fill()
            emit('success')
          } else show(true)
          resolve()
        })
        const { base, captchaId = '', lot_number = '' } = config
        const facts = { captcha_id: captchaId, lot_number, host: location.hostname, ...(done && { done: '1' }) }
        const element = document.createElement('script')
        element.src = `${base}/verify?${new URLSearchParams({ ...facts, callback })}`
        document.head.append(element)
      })
    const fill = (): void => {
      for (const input of inputs) input.value = values?.[input.name] ?? ''
    }
    const addInputs = (form: Element): void => {
      for (const name of ['lot_number', 'captcha_output', 'pass_token', 'gen_time']) {
        const input = document.createElement('input')
        input.type = 'hidden'
        input.name = name
        input.className = `geetest_${name}`
        inputs.push(input)
        form.append(input)
      }
    }

    box.querySelector('.geetest_btn_click')?.addEventListener('click', () => void request(false))
    box.querySelector('.geetest_submit')?.addEventListener('click', () => void request(true))
    box.querySelector('.geetest_close')?.addEventListener('click', () => {
      show(false)
      emit('close')
    })
    if (bound) document.body.append(box)
    else addInputs(box)

    const elementOf = (place: string | Element): Element => {
      const element = typeof place === 'string' ? document.querySelector(place) : place
      if (!element) throw new Error('-60100')
      return element
    }
    const open = () => {
      void request(false)
      return captcha
    }
    const captcha = {
      appendTo(place: string | Element) {
        elementOf(place).append(box)
        return captcha
      },
      bindForm(place: string | Element) {
        addInputs(elementOf(place))
        return captcha
      },
      getValidate: () => (values ? { ...values } : undefined),
      showCaptcha: open,
      showBox: open,
      reset() {
        values = undefined
        fill()
        show(false)
        return captcha
      },
      destroy() {
        box.remove()
        for (const input of inputs) input.remove()
      },
      onReady: add('ready'),
      onNextReady: add('nextReady'),
      onBoxShow: add('boxShow'),
      onSuccess: add('success'),
      onFail: add('fail'),
      onError: add('error'),
      onClose: add('close'),
    }
    setTimeout(() => emit('ready'), 0)
    return captcha
  }
  Reflect.set(window, 'Geetest4', Geetest4)
}
