// Published clients as their READMEs use them, with a key that is none.
import { createRequire } from 'node:module'
import captchaSolver from '@2captcha/captcha-solver'
import anticaptchaOfficial from '@antiadmin/anticaptchaofficial'
import capMonster from '@zennolab_com/capmonstercloud-client'
import anticaptcha from 'anticaptcha'

const require = createRequire(import.meta.url)
const [page, sitekey] = process.argv.slice(2)
const KEY = '0123456789abcdef0123456789abcdef'

const clients = {
  async '2captcha'() {
    const solver = new captchaSolver.Solver(KEY, 10)
    return (await solver.recaptcha({ pageurl: page, googlekey: sitekey })).data
  },
  async '2captcha-ts'() {
    const { Solver } = require('2captcha-ts')
    return (await new Solver(KEY, 10).recaptcha({ pageurl: page, googlekey: sitekey })).data
  },
  async anticaptchaofficial() {
    anticaptchaOfficial.setAPIKey(KEY)
    anticaptchaOfficial.shutUp()
    anticaptchaOfficial.settings.firstAttemptWaitingInterval = 0
    anticaptchaOfficial.settings.normalWaitingInterval = 0
    return anticaptchaOfficial.solveRecaptchaV2Proxyless(page, sitekey)
  },
  async anticaptcha() {
    const client = new anticaptcha.AntiCaptcha(KEY)
    const id = await client.createTaskRecaptchaV2Proxyless(page, sitekey)
    // Times and ms: a busy machine takes longer than a few.
    const { solution } = await client.getTaskResult(id, 1_000, 100)
    return solution.gRecaptchaResponse
  },
  async capmonster() {
    const { CapMonsterCloudClientFactory, ClientOptions, RecaptchaV2Request } = capMonster
    const client = CapMonsterCloudClientFactory.Create(new ClientOptions({ clientKey: KEY }))
    const { solution } = await client.Solve(new RecaptchaV2Request({ websiteURL: page, websiteKey: sitekey }))
    return solution.gRecaptchaResponse
  },
  async 'puppeteer-extra-plugin-recaptcha'() {
    const plugin = require('puppeteer-extra-plugin-recaptcha')({ provider: { id: '2captcha', token: KEY } })
    const captcha = { id: 'a', _vendor: 'recaptcha', url: page, sitekey }
    const { solutions } = await plugin.getRecaptchaSolutions([captcha])
    return solutions[0].text ?? solutions[0].error
  },
}

const results = await Promise.all(
  Object.entries(clients).map(async ([name, solve]) => [name, await solve().catch((error) => `${error}`)]),
)
console.log(JSON.stringify(Object.fromEntries(results)))
