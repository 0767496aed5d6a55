import type { Signs } from '../../../page-kit/signs.js'

export const arkoseSigns: Signs = {
  elements:
    '[data-pkey],script[src*="/v2/"][src*="/api.js"],iframe[src*="/enforcement."],iframe[src*="/fc/"],' +
    'input[name="fc-token"],input[name="verification-token"],input[name="FunCaptcha-Token"],' +
    'input#fc-token,input#verification-token,input#FunCaptcha-Token',
}
