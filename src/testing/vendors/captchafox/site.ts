import { type SiteFamily, verifyField } from '../../shared/site-family.js'
import { CAPTCHAFOX_PAGES } from './pages.js'

export const captchafoxSite: SiteFamily = {
  sitekey: 'sk_standin0000000000000000000000001',
  pages: CAPTCHAFOX_PAGES,
  field: 'cf-captcha-response',
  verify: verifyField('cf-captcha-response', 'token'),
}
