import { faultTests } from './campaign.js'

faultTests(['alerts', 'elasticsearch', 'copy', 'vault', 'redis'], {
  errors: { sample: 1, usual: 16 },
  kills: { sample: 1, usual: 8 },
  bytes: { sample: 1, usual: 16 },
})
