import { describe, expect, test } from 'vitest'
import { startCaptchafox } from '../../../src/testing/vendors/captchafox/index.js'
import { familyContract, scriptAnew } from '../family-contract.js'
import { stage } from '../stage.js'

const FIELD = 'input[name="cf-captcha-response"]'
const SUBMIT = '#login > button'
const at = stage('captchafox', startCaptchafox)

const drawn = () => at.page.waitForSelector('.cf-captcha button')

/** Opens a page, and waits until its widget is drawn and due. */
async function visit(path: string): Promise<void> {
  await at.visit(path)
  await drawn()
  await at.due()
}

familyContract(at, {
  elsewhere: {
    path: '/captchafox-portal',
    api: 'window.captchafox',
    token: 'captchafox.getResponse(widget)',
    field: FIELD,
  },
  restored: { path: '/captchafox', field: 'cf-captcha-response' },
  early: { paths: ['/captchafox', '/captchafox/named'], script: '**/api.js*', field: FIELD },
  redrawn: { path: '/captchafox-redrawn', api: 'window.captchafox', token: 'captchafox.getResponse(widget)' },
  blocked: { path: '/captchafox', script: '**/api.js*', tag: '.captchafox' },
  reloaded: {
    path: '/captchafox/named',
    again: scriptAnew('.captchafox', 'captchafox', 'api.js'),
    token: 'captchafox.getResponse()',
  },
  copied: { path: '/captchafox/named', element: '.captchafox' },
  name: 'a CaptchaFox',
  submit: SUBMIT,
  rendered: drawn,
  found: { family: 'captchafox', variant: 'captchafox', visible: true, executed: false },
  named: { path: '/captchafox/named', callback: 'answered' },
  watched: ['/captchafox/explicit', {}],
  pages: ['/captchafox', '/captchafox/named', '/captchafox/explicit', '/csp/captchafox', '/csp/captchafox/named'],
  several: { path: '/captchafox/several', field: FIELD },
  openBefore: { paths: ['/captchafox/named'] },
  late: { path: '/captchafox/late', api: 'window.captchafox', remove: 'captchafox.remove(widget)' },
  person: { path: '/captchafox/named', answers: () => at.page.click('.cf-captcha button') },
  reset: { paths: ['/captchafox/explicit'], run: 'captchafox.reset(widget)', done: 'captchafox.getResponse() === ""' },
  expiry: {
    path: '/captchafox/named',
    done: `calls.length === 2 && calls[1] === null && document.querySelector('${FIELD}').value === '' &&
      captchafox.getResponse() === ''`,
  },
  denied: {
    path: '/captchafox/named',
    state: `[captchafox.getResponse(), document.querySelector('${FIELD}').value]`,
  },
})

describe('solves a CaptchaFox so that the server accepts the answer:', () => {
  test('a hidden one, once the page has executed it: its promise resolves, and the form is submitted', async () => {
    await at.visit('/captchafox/hidden')
    await at.page.waitForSelector('.cf-captcha', { state: 'attached' })
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{}] })
    expect(at.grant.challenges).toEqual([])
    await at.page.click('#go')
    await at.due()
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}] })
    await at.welcomed()
  })

  test('every place from which the page may read an answer has it', async () => {
    await visit('/captchafox/explicit')
    const { solved } = await at.captcha.solve(at.page)
    const token = solved[0]?.solution.token
    expect(await at.page.inputValue(FIELD)).toBe(token)
    expect(await at.page.evaluate('[captchafox.getResponse(), captchafox.getResponse(widget)]')).toEqual([token, token])
    expect(await at.calls()).toEqual([token])
  })

  test('executed before a click, an inline one that is answered gives its answer to the promise at once', async () => {
    await visit('/captchafox/explicit')
    await at.page.evaluate('void captchafox.execute(widget).then(function (token) { window.resolved = token })')
    const { solved } = await at.captcha.solve(at.page)
    await at.page.waitForFunction('window.resolved')
    expect(await at.page.evaluate('resolved')).toBe(solved[0]?.solution.token)
  })
  test('executed by the form’s own submit event, an answered one gives its answer after it, so that the form is sent', async () => {
    await at.visit('/captchafox-executed')
    await at.due()
    await at.captcha.solve(at.page)
    await at.page.click('#sign-in')
    await at.welcomed()
    expect(at.grant.challenges).toHaveLength(1)
  })

  test('`remove` without an id, which removes nothing, leaves the answer where it is', async () => {
    await visit('/captchafox/explicit')
    const { solved } = await at.captcha.solve(at.page)
    expect(await at.page.evaluate('captchafox.remove(), captchafox.getResponse()')).toBe(solved[0]?.solution.token)
    await at.page.click(SUBMIT)
    await at.welcomed()
  })
})
