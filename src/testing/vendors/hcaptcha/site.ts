import { type SiteFamily, verifyField } from '../../shared/site-family.js'
import { HCAPTCHA_PAGES } from './pages.js'

export const hcaptchaSite: SiteFamily = {
  sitekey: '5a1c0000-0000-4000-8000-00000000cafe',
  pages: HCAPTCHA_PAGES,
  field: 'h-captcha-response',
  verify: verifyField('h-captcha-response'),
}
