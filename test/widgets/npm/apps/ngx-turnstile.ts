import '@angular/compiler'
import 'zone.js'
import { CommonModule } from '@angular/common'
import { Component } from '@angular/core'
import { FormControl, FormGroup, ReactiveFormsModule } from '@angular/forms'
import { bootstrapApplication } from '@angular/platform-browser'
import { NgxTurnstileFormsModule, NgxTurnstileModule } from 'ngx-turnstile'
import { query, root, SITEKEY, signIn, tell } from './site.js'

/** A reactive form with the widget as one of its controls. */
class TurnstileForm {
  shown = !query.has('late')
  forms = Array.from({ length: Number(query.get('many') ?? 1) }, (_, n) => ({
    n,
    group: new FormGroup({ captcha: new FormControl<string | null>(null) }),
  }))
  sitekey = SITEKEY
  resolved(n: number, token: string | null) {
    if (token) tell('verified', n, token)
  }
  submit(group: FormGroup) {
    return signIn('turnstile', 'cf-turnstile-response', group.value.captcha)
  }
}

// Decorators are called as functions, so that TypeScript's compiler is enough.
const app = Component({
  selector: 'app-root',
  standalone: true,
  imports: [CommonModule, ReactiveFormsModule, NgxTurnstileModule, NgxTurnstileFormsModule],
  template: `<button type="button" id="toggle" (click)="shown = !shown">Form</button>
<ng-container *ngIf="shown"><form *ngFor="let form of forms" [formGroup]="form.group" (ngSubmit)="submit(form.group)">
<ngx-turnstile #widget formControlName="captcha" [siteKey]="sitekey" action="login"
(resolved)="resolved(form.n, $event)"></ngx-turnstile>
<button type="submit">Sign in</button><button type="button" (click)="widget.reset()">Reset</button></form></ng-container>`,
})(TurnstileForm)

root().append(document.createElement('app-root'))
bootstrapApplication(app).catch((error) => tell('failed', String(error)))
