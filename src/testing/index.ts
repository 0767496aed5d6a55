export { type AltchaOptions, type StandInAltcha, startAltcha } from './altcha.js'
export { type ArkoseBehaviour, type StandInArkose, startArkose } from './arkose.js'
export { type MemoryAudit, memoryAudit } from './audit.js'
export { type AwsWafBehaviour, type StandInAwsWaf, startAwsWaf } from './aws-waf.js'
export { type CapBehaviour, type CapOptions, type StandInCap, startCap } from './cap.js'
export { type ManualClock, manualClock } from './clock.js'
export { type FriendlyBehaviour, type StandInFriendly, startFriendly } from './friendly.js'
export {
  type GeetestBehaviour,
  type GeetestDetails,
  type StandInGeetest,
  startGeetest,
} from './geetest.js'
export { type HcaptchaBehaviour, type StandInHcaptcha, startHcaptcha } from './hcaptcha.js'
export { type MtcaptchaBehaviour, type StandInMtcaptcha, startMtcaptcha } from './mtcaptcha.js'
export { type RecaptchaBehaviour, type RecaptchaOptions, type StandInRecaptcha, startRecaptcha } from './recaptcha.js'
export {
  type Behaviour,
  type Order,
  type ServiceAnswer,
  type ServiceEndpoint,
  type ServiceName,
  type ServiceOptions,
  type ServiceRequest,
  type ServiceTask,
  type SolverService,
  startSolverService,
} from './service.js'
export { type SiteOptions, type SiteVendor, type SiteVendors, type StandInSite, startSite } from './site.js'
export type { StandIn, StandInOptions } from './stand-in.js'
export type { IssuedToken, TokenDetails, Verification } from './tokens.js'
export { type StandInTurnstile, startTurnstile, type TurnstileBehaviour } from './turnstile.js'
export {
  answerAsVendor,
  type Routable,
  routeVendors,
  type VendorReply,
  type VendorRequest,
  type VendorRoute,
  type VendorStandIn,
} from './vendors.js'
