import { createHmac } from 'node:crypto'
import { postForm, type SiteFamily } from '../../shared/site-family.js'
import { refuse } from '../../shared/tokens.js'
import { GEETEST_PAGES } from './pages.js'

export const geetestSite: SiteFamily = {
  sitekey: '5a1c0000000040008000000000c0ffee',
  pages: GEETEST_PAGES,
  field: 'lot_number',
  /** v4 if the form has a `lot_number`, else v3. */
  async verify(form, vendor, sitekey) {
    const part = (name: string) => form.get(name) ?? ''
    const lot_number = part('lot_number')
    if (!lot_number) {
      const fields = { challenge: part('geetest_challenge'), seccode: part('geetest_seccode') }
      const { seccode } = await postForm<{ seccode: string }>(`${vendor.url}/validate.php`, fields)
      return seccode === 'false' ? refuse('fail') : { success: true }
    }
    const sign_token = createHmac('sha256', vendor.secretFor(sitekey)).update(lot_number).digest('hex')
    const url = `${vendor.verifyUrl}?captcha_id=${encodeURIComponent(sitekey)}`
    const { result, reason } = await postForm<{ result: string; reason: string }>(url, {
      lot_number,
      sign_token,
      captcha_output: part('captcha_output'),
      pass_token: part('pass_token'),
      gen_time: part('gen_time'),
    })
    return result === 'success' ? { success: true } : refuse(reason)
  },
  endpoints: {
    '/geetest/register': async ({ url }, gt) => {
      const register = `${url}/register.php?gt=${encodeURIComponent(gt)}`
      const { challenge } = await postForm<{ challenge: string }>(register, {})
      return { success: 1, gt, challenge, new_captcha: true }
    },
  },
}
