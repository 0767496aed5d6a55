import { describe, expect, test } from 'vitest'
import { startYandex } from '../../../src/testing/vendors/yandex/index.js'
import { familyContract, scriptAnew } from '../family-contract.js'
import { stage } from '../stage.js'

const FIELD = 'input[name="smart-token"]'
const SUBMIT = '#login > button'
const at = stage('yandex', startYandex, /\/(checkbox|shield)\.html/)

/** Opens a page, and waits until its widget is due. */
async function visit(path: string): Promise<void> {
  await at.visit(path)
  await at.due()
}

familyContract(at, {
  elsewhere: {
    path: '/yandex-portal',
    api: 'window.smartCaptcha',
    token: 'smartCaptcha.getResponse(widget)',
    field: FIELD,
  },
  restored: { path: '/yandex', field: 'smart-token' },
  early: { paths: ['/yandex', '/yandex/named'], script: '**/captcha.js*', field: FIELD },
  redrawn: { path: '/yandex-redrawn', api: 'window.smartCaptcha', token: 'smartCaptcha.getResponse(widget)' },
  blocked: { path: '/yandex', script: '**/captcha.js*', tag: '.smart-captcha' },
  reloaded: {
    path: '/yandex/named',
    again: scriptAnew('.smart-captcha', 'smartCaptcha', 'captcha.js'),
    token: 'smartCaptcha.getResponse()',
  },
  copied: { path: '/yandex/named', element: '.smart-captcha' },
  name: 'a Yandex SmartCaptcha',
  submit: SUBMIT,
  found: { family: 'yandex', variant: 'checkbox', visible: true, executed: false },
  named: { path: '/yandex/named', callback: 'answered' },
  watched: ['/yandex/explicit', {}],
  pages: ['/yandex', '/yandex/named', '/yandex/explicit', '/yandex/subscribed', '/csp/yandex', '/csp/yandex/named'],
  several: {
    path: '/yandex/several',
    field: FIELD,
    async check(fields) {
      expect(await at.page.evaluate('[0, 1, 2].map(function (id) { return smartCaptcha.getResponse(id) })')).toEqual(
        fields,
      )
      expect(await at.page.evaluate('smartCaptcha.getResponse()')).toBe(fields[0])
    },
  },
  openBefore: { paths: ['/yandex/named'] },
  late: { path: '/yandex/late', api: 'window.smartCaptcha', remove: 'smartCaptcha.destroy(widget)' },
  person: { path: '/yandex/named', answers: async () => at.frames()[0]?.click('button') },
  reset: { paths: ['/yandex/explicit'], run: 'smartCaptcha.reset()', done: 'smartCaptcha.getResponse() === ""' },
  expiry: {
    path: '/yandex/named',
    done: `document.querySelector('${FIELD}').value === '' && smartCaptcha.getResponse() === ''`,
  },
  denied: { path: '/yandex/named', state: `[smartCaptcha.getResponse(), document.querySelector('${FIELD}').value]` },
})

describe('solves a Yandex SmartCaptcha so that the server accepts the answer:', () => {
  test('an invisible one, once the page has executed it, and its challenge is out of the way', async () => {
    await at.visit('/yandex/invisible')
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [], skipped: [{}] })
    expect(at.grant.challenges).toEqual([])
    await at.page.click('#go')
    await at.page.waitForSelector('iframe[data-testid="advanced-iframe"]')
    expect(await at.find()).toMatchObject([{ variant: 'invisible', executed: true, due: true }])
    expect(await at.captcha.solve(at.page)).toMatchObject({ solved: [{}] })
    await at.welcomed()
  })

  test('those who have unsubscribed are not called, those who have subscribed are', async () => {
    await visit('/yandex/subscribed')
    const { solved } = await at.captcha.solve(at.page)
    expect(await at.calls()).toEqual([solved[0]?.solution.token])
  })
})
