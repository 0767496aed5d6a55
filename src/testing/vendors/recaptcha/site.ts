import { type SiteFamily, verifyField } from '../../shared/site-family.js'
import { RECAPTCHA_PAGES } from './pages.js'

export const recaptchaSite: SiteFamily = {
  sitekey: '6LcStandInSitekeyForTestsOnly-0000000001',
  pages: RECAPTCHA_PAGES,
  field: 'g-recaptcha-response',
  verify: verifyField('g-recaptcha-response'),
}
